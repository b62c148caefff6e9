"""What the shop reads from its environment, and refuses to start without."""
import os
import sys

from cryptography.hazmat.primitives.serialization import load_pem_private_key

DATABASE_URL = os.environ.get("DATABASE_URL", "postgres://saleor:saleor@localhost:5432/saleor")
ALLOWED_HOSTS = [host.strip() for host in os.environ.get("ALLOWED_HOSTS", "").split(",") if host.strip()]
BROKER_URL = os.environ.get("CELERY_BROKER_URL", "")


def check(web=False):
    for name in ["SECRET_KEY", "RSA_PRIVATE_KEY"] + ["ALLOWED_HOSTS"] * web:
        if not os.environ.get(name):
            sys.exit(f"ImproperlyConfigured: {name} is not set")
    try:
        load_pem_private_key(os.environ["RSA_PRIVATE_KEY"].encode(), password=None)
    except Exception as error:
        sys.exit(f"ImproperlyConfigured: RSA_PRIVATE_KEY is not a private key in PEM: {error}")


def allowed(host):
    """Django's rule for a Host header: a name, `.name` for all below it, or `*`."""
    host = host.lower().rstrip(".")
    host = host[: host.find("]") + 1] if host.startswith("[") else host.split(":")[0]
    return any(
        pattern == "*" or pattern.lower() == host or (pattern.startswith(".") and (f".{host}").endswith(pattern.lower()))
        for pattern in ALLOWED_HOSTS
    )
