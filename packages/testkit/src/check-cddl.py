"""Checks CBOR against a CDDL schema with two independent validators.

Usage: check-cddl.py <schema>, with one line of JSON on stdin for each check: {"rule", "hex"}.
Prints one line of JSON for each: {"<validator>": true or false}.
"""

import json
import sys

import cddl_verifier
import pycddl

schema = open(sys.argv[1], encoding="utf-8").read()


def by_cddl_verifier(rule: str, data: bytes) -> bool:
    return cddl_verifier.validate(schema, data, root_type=rule).valid


def by_pycddl(rule: str, data: bytes) -> bool:
    # The first rule is the one that is checked.
    try:
        pycddl.Schema(f"checked = {rule}\n{schema}").validate_cbor(data)
        return True
    except pycddl.ValidationError:
        return False


for line in sys.stdin:
    check = json.loads(line)
    rule, data = check["rule"], bytes.fromhex(check["hex"])
    print(json.dumps({"cddl-verifier": by_cddl_verifier(rule, data), "pycddl": by_pycddl(rule, data)}))
