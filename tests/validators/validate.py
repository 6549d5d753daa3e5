"""Judges documents by JSON Schemas: python3 validate.py SCHEMAS < DOCUMENTS

SCHEMAS is a folder of NAME.json. Each line of DOCUMENTS is {"schema": NAME, "document": ...}; for each a line comes
back: null where it is valid, else what is wrong, as a JSON text.
"""

import json
import pathlib
import sys

import jsonschema

schemas = {}
for path in pathlib.Path(sys.argv[1]).glob("*.json"):
    schema = json.loads(path.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    schemas[path.stem] = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())

for line in sys.stdin:
    asked = json.loads(line)
    schema = schemas.get(asked["schema"])
    if schema is None:
        print(json.dumps("there is no such schema"))
        continue
    faults = [f"{fault.json_path}: {fault.message}" for fault in schema.iter_errors(asked["document"])]
    print(json.dumps("; ".join(faults[:5]) or None))
