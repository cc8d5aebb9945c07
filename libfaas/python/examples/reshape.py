"""A JSON transform: orders, one an entry, become one row a customer."""
import json
from decimal import Decimal


def main(arg: str) -> list:
    customers = {}
    for order in json.loads(arg, parse_float=Decimal):
        row = customers.setdefault(order["customer"], {"orders": 0, "total": Decimal(0)})
        row["orders"] += 1
        row["total"] += sum(Decimal(item["price"]) * item["count"] for item in order["items"])
    return [{"customer": name, "orders": row["orders"], "total": str(row["total"])}
            for name, row in sorted(customers.items())]
