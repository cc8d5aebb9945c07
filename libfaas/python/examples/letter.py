"""Templating: a page from a template and values, with the values made safe for HTML."""
import html
import json
import string

PAGE = string.Template("""\
<h1>$title</h1>
<ul>
$items
</ul>
""")


def main(arg: str) -> str:
    values = json.loads(arg)
    items = "\n".join(f"<li>{html.escape(item)}</li>" for item in values["items"])
    return PAGE.substitute(title=html.escape(values["title"]), items=items)
