"""The shop's tables. Every operation has a connection of its own, so that a failover needs no restart."""
import contextlib
import hashlib

import psycopg2

from .settings import DATABASE_URL

MIGRATIONS = {
    "contenttypes.0001_initial": "CREATE TABLE django_content_type (id serial PRIMARY KEY, app_label text, model text)",
    "account.0001_initial": "CREATE TABLE account_user (id serial PRIMARY KEY, email text UNIQUE, is_superuser boolean)",
    "product.0001_initial": "CREATE TABLE product_product (id serial PRIMARY KEY, name text NOT NULL, created timestamptz DEFAULT now())",
    "order.0001_initial": 'CREATE TABLE order_delivery ("order" text PRIMARY KEY, key text NOT NULL, worker text NOT NULL)',
    "core.0001_heartbeat": "CREATE TABLE core_heartbeat (id serial PRIMARY KEY, worker text NOT NULL, at timestamptz DEFAULT now())",
}


@contextlib.contextmanager
def cursor():
    connection = psycopg2.connect(DATABASE_URL.replace("postgres://", "postgresql://", 1))
    try:
        with connection, connection.cursor() as c:
            yield c
    finally:
        connection.close()


def one(query, *values):
    with cursor() as c:
        c.execute(query, values)
        return c.fetchone()


def unapplied():
    with cursor() as c:
        c.execute("SELECT pg_advisory_xact_lock(1)")
        c.execute("CREATE TABLE IF NOT EXISTS django_migrations (name text PRIMARY KEY, applied timestamptz DEFAULT now())")
        c.execute("SELECT name FROM django_migrations")
        applied = {name for (name,) in c.fetchall()}
    return [name for name in MIGRATIONS if name not in applied]


def migrate():
    print("Operations to perform:\n  Apply all migrations: account, contenttypes, core, order, product\nRunning migrations:")
    names = unapplied()
    for name in names:
        print(f"  Applying {name}...", end="", flush=True)
        with cursor() as c:
            c.execute("SELECT pg_advisory_xact_lock(1)")
            c.execute("INSERT INTO django_migrations (name) VALUES (%s) ON CONFLICT DO NOTHING", (name,))
            if c.rowcount:
                c.execute(MIGRATIONS[name])
        print(" OK", flush=True)
    if not names:
        print("  No migrations to apply.")


def populate(superuser):
    """Ten more products at every run, as Saleor's own makes no promise either."""
    with cursor() as c:
        for number in range(1, 11):
            c.execute("INSERT INTO product_product (name) VALUES (%s)", (f"Demo game {number}",))
            print(f"Created: Product: Demo game {number}", flush=True)
        if superuser:
            c.execute("INSERT INTO account_user (email, is_superuser) VALUES ('admin@example.com', true) ON CONFLICT DO NOTHING")
            print("Superuser admin@example.com")


def count():
    return one("SELECT count(*) FROM product_product")[0]


def create(name):
    return one("INSERT INTO product_product (name) VALUES (%s) RETURNING id", name)[0]


def deliver(order, worker):
    key = hashlib.sha256(order.encode()).hexdigest()[:20].upper()
    with cursor() as c:
        c.execute("INSERT INTO order_delivery VALUES (%s, %s, %s) ON CONFLICT DO NOTHING", (order, key, worker))


def delivery(order):
    return one('SELECT key, worker FROM order_delivery WHERE "order" = %s', order)


def heartbeat(worker):
    with cursor() as c:
        c.execute("INSERT INTO core_heartbeat (worker) VALUES (%s)", (worker,))
        c.execute("DELETE FROM core_heartbeat WHERE at < now() - interval '1 hour'")
