"""Checks statements with receipts by a library that shares nothing with ours.

Usage: check-receipts.py, with one line of JSON on stdin for each: {"hex", "logKey", "issuerKey"}, the keys as PEM.
Prints one line of JSON for each: {"statement", "receipts": [{"ok", "root", "size", "index", "iss", "sub", "errors"}]}.
"""

import json
import sys

import cbor2
from scitt_cose import cose_sign1, receipt, statement

# It knows Ed25519 by its older number only, -8: for the tests, -19 is the same to it.
cose_sign1.COSE_ALG_EDDSA = -19


def checked(transparent: bytes, log_key: str, issuer_key: str) -> dict:
    tag = cbor2.loads(transparent)
    protected, _, payload, signature = tag.value
    # What was logged has nothing in its unprotected header.
    entry = cbor2.dumps(cbor2.CBORTag(18, [protected, {}, payload, signature]))
    try:
        cose_sign1.verify_sign1(entry, public_key_pem=issuer_key)
        signed = True
    except cose_sign1.CoseError:
        signed = False
    results = [
        receipt.verify_receipt(one, leaf_entry_hex=entry.hex(), log_public_key_pem=log_key)
        for one in statement.extract_receipts(transparent)
    ]
    return {
        "statement": signed,
        "receipts": [
            {
                "ok": result.ok,
                "size": result.tree_size,
                "index": result.leaf_index,
                "iss": result.issuer,
                "sub": result.subject,
                "errors": result.errors,
            }
            for result in results
        ],
    }


for line in sys.stdin:
    case = json.loads(line)
    print(json.dumps(checked(bytes.fromhex(case["hex"]), case["logKey"], case["issuerKey"])))
