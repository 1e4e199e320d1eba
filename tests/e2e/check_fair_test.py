#!/usr/bin/env python3
"""Lets check_fair.py compute runs of invented editions again, by every rule and in every stage,
and sees that it notices forgeries, those too whose forger has made all digests new.

    check_fair_test.py BIN
"""
import contextlib
import copy
import io
import json
import subprocess
import sys

sys.dont_write_bytecode = True
import check_fair

SIZE = ["--sections", "3", "--booths", "900", "--applications", "420", "--delegations", "6"]
failures = 0


def fail(*text):
    global failures
    failures += 1
    print("FAILED:", *text, file=sys.stderr)


def run(*arguments):
    program = [sys.argv[1] + "/fair-edition", "bundles", *SIZE, *arguments]
    return json.loads(subprocess.run(program, check=True, capture_output=True).stdout)


def findings(bundles):
    check_fair.findings.clear()
    with contextlib.redirect_stdout(io.StringIO()):
        check_fair.check(bundles)
    return list(check_fair.findings)


def seal(bundles):
    """Makes all digests new, as a forger would."""
    first = bundles[0]
    inputs, results = [], []
    for bundle in bundles:
        bundle["inputs"]["digest"] = check_fair.digest_of_inputs(bundle["inputs"])
        section = check_fair.last(bundle["inputs"]["name"])
        bundle["result"]["digest"] = check_fair.digest_of_result(section, bundle["result"])
        inputs.append(bundle["inputs"]["digest"])
        results.append(bundle["result"]["digest"])
    allocation = first["allocation"]
    digest = check_fair.sha256(*inputs)
    rules = check_fair.digest_of_rules(allocation["rules"])
    for bundle in bundles:
        bundle["inputsDigests"], bundle["resultDigests"] = inputs, results
        bundle["snapshot"]["digest"] = bundle["allocation"]["inputsDigest"] = digest
        bundle["allocation"]["rulesDigest"] = rules
        bundle["allocation"]["digest"] = check_fair.sha256(
            digest, rules, allocation["seed"], *results
        )


def winners(bundle):
    return [d for d in bundle["result"].get("decisions", []) if d.get("booths")]


def fullest(bundles):
    """The section with the most firms that get something."""
    return max(bundles, key=lambda bundle: len(winners(bundle)))


def entry_of(bundle, decision):
    return next(
        a for a in bundle["inputs"]["applications"] if a["pseudonym"] == decision["pseudonym"]
    )


def one_more_booth(bundles):
    """Somebody has a booth of somebody else."""
    giver, taker = winners(fullest(bundles))[:2]
    giver["booths"] -= 1
    taker["booths"] += 1


def another_seed(bundles):
    for bundle in bundles:
        bundle["allocation"]["seed"] = bundle["draw"]["seed"] = check_fair.sha256("another")


def another_secret(bundles):
    for bundle in bundles:
        draw = bundle["draw"]
        draw["secret"] += "!"
        draw["seed"] = bundle["allocation"]["seed"] = check_fair.sha256_joined(
            draw["secret"], draw["inputsDigest"], draw["publicValue"]
        )


def swapped_points(bundles):
    """The points of the best and of the worst, but not what they got for them."""
    bundle = fullest(bundles)
    entries = [entry_of(bundle, d) for d in winners(bundle)]
    entries = [e for e in entries if not e.get("newcomer")]
    entries.sort(key=lambda e: check_fair.thousandths(e.get("score")))
    entries[0]["score"], entries[-1]["score"] = entries[-1]["score"], entries[0]["score"]


def one_excluded(bundles):
    bundle = fullest(bundles)
    entry_of(bundle, winners(bundle)[0])["exclusion"] = "SANCTIONED"


def left_out(bundles):
    """An application that nobody is told of."""
    decisions = fullest(bundles)["result"]["decisions"]
    decisions.remove(next(d for d in decisions if not d.get("booths")))


def two_in_a_cell(bundles):
    other, *_, one = sorted(winners(fullest(bundles)), key=lambda d: d["booths"])
    other.update({field: one[field] for field in ("hall", "row", "firstNumber")})


def beyond_the_row(bundles):
    winners(fullest(bundles))[0]["firstNumber"] += 100


def low_bound(bundles):
    bound = next(b for b in fullest(bundles)["result"]["bounds"] if b.get("booths"))
    bound["bound"] = bound["booths"] - 1


def a_section_less(bundles):
    del bundles[-1]


def main():
    general = run("--stage", "general")
    placement = run("--stage", "placement")
    runs = {
        "RANKED, brand booths": run("--stage", "brand"),
        "RANKED": run("--stage", "general", "--method", "ranked"),
        "SCORE_STEP": general,
        "HIGHEST_AVERAGES": run("--stage", "general", "--method", "highest-averages"),
        "LARGEST_REMAINDER_OF_SCORES": run("--stage", "general", "--method", "largest-remainder"),
        "the waiting list": run("--stage", "general", "--waiting-list"),
        "the waiting list of brand booths": run("--stage", "brand", "--waiting-list"),
        "PLACEMENT": placement,
    }
    for name, bundles in runs.items():
        if len(winners(fullest(bundles))) < 2:
            fail(name, "gives too little to check")
        for finding in findings(bundles)[:5]:
            fail(name, finding)
        seal(sealed := copy.deepcopy(bundles))
        if sealed != bundles:
            fail(name, "digests that the test makes are not those of the service")
    quantities = [bundles for name, bundles in runs.items() if name != "PLACEMENT"]
    for bundles, forge, noticed in [
        *((bundles, one_more_booth, ": booths of ") for bundles in quantities),
        (general, another_seed, "the lottery: seed is "),
        (general, another_secret, "the lottery: commitment is "),
        (general, swapped_points, ": booths of "),
        (general, one_excluded, ", which is excluded is "),
        (general, left_out, ": the applications decided on "),
        (general, a_section_less, "the bundles: sections is "),
        (placement, one_more_booth, ": booths of "),
        (placement, two_in_a_cell, " and "),
        (placement, beyond_the_row, " does not stand within one run"),
        (placement, low_bound, " cannot be right"),
    ]:
        forged = copy.deepcopy(bundles)
        forge(forged)
        if not findings(forged):
            fail(forge.__name__, "was not noticed")
        seal(forged)
        if not any(noticed in finding for finding in findings(forged)):
            fail(forge.__name__, "with new digests was not noticed as it should")
    print(f"{len(runs)} runs agree" if failures == 0 else f"{failures} failures")
    return 1 if failures else 0


sys.exit(main())
