"""The API: /health/, /graphql/ and, as Django does, 400 to a Host that it was not told of."""
import asyncio
import json

from graphql import build_ast_schema, format_error, graphql as execute, parse

from . import catalogue, settings

settings.check(web=True)
from .celeryconf import deliver  # noqa: E402  (says what is missing only after the check of the web process)

SCHEMA = build_ast_schema(parse("""
    schema { query: Query mutation: Mutation }
    type Query {
      shop: Shop!
      products(first: Int, channel: String): ProductCountableConnection
      # what the Celery worker did with deliverKey; null until then
      delivery(order: String!): Delivery
    }
    type Mutation {
      productCreate(input: ProductCreateInput!): ProductCreate
      deliverKey(order: String!): DeliverKey
    }
    type Shop { name: String! }
    type ProductCountableConnection { totalCount: Int }
    type Delivery { key: String! worker: String! }
    input ProductCreateInput { name: String }
    type Product { id: ID! name: String! }
    type ProductCreate { product: Product errors: [String!]! }
    type DeliverKey { taskId: String! }
"""))


class Resolvers:
    def shop(self, info):
        return {"name": "KeyBoss"}

    def products(self, info, first=None, channel=None):
        return {"totalCount": catalogue.count()}

    def delivery(self, info, order):
        found = catalogue.delivery(order)
        return found and {"key": found[0], "worker": found[1]}

    def productCreate(self, info, input):
        return {"product": {"id": catalogue.create(input["name"]), "name": input["name"]}, "errors": []}

    def deliverKey(self, info, order):
        return {"taskId": deliver.delay(order).id}


for kind in (SCHEMA.get_query_type(), SCHEMA.get_mutation_type()):
    for name, field in kind.fields.items():
        field.resolver = getattr(Resolvers, name)


def graphql(body):
    try:
        request = json.loads(body)
        result = execute(SCHEMA, request["query"], variables=request.get("variables"))
    except (ValueError, KeyError, TypeError) as error:
        return 400, {"errors": [{"message": f"not a GraphQL request: {error}"}]}
    answer = {"data": result.data}
    if result.errors:
        answer["errors"] = [format_error(error) for error in result.errors]
        for error in result.errors:
            print("graphql:", str(error).strip(), flush=True)
    # Saleor: 400 for a query that is wrong, 200 for one that failed
    return (400 if result.errors and result.data is None and not getattr(result.errors[0], "path", None) else 200), answer


async def application(scope, receive, send):
    if scope["type"] != "http":
        return

    async def answer(status, body, kind=b"application/json"):
        await send({"type": "http.response.start", "status": status,
                    "headers": [(b"content-type", kind), (b"content-length", str(len(body)).encode())]})
        await send({"type": "http.response.body", "body": body})

    path = scope["path"]
    if path == "/health/":
        return await answer(200, b"", b"text/plain")
    if not settings.allowed(dict(scope["headers"]).get(b"host", b"").decode("latin-1")):
        return await answer(400, b"Bad Request (400): Invalid HTTP_HOST header", b"text/html")
    if path != "/graphql/":
        return await answer(404, b"Not Found", b"text/html")
    if scope["method"] != "POST":
        return await answer(200, b"<title>GraphQL Playground</title>", b"text/html")
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    status, data = await asyncio.get_running_loop().run_in_executor(None, graphql, body)
    await answer(status, json.dumps(data).encode())
