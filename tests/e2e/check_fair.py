#!/usr/bin/env python3
"""Computes a published allocation run of a fair again, from its bundles.

    check_fair.py BUNDLES

    BUNDLES   caravanctl fair bundle ALLOCATION: a JSON array with the bundle of each section

It knows of the service only what the contracts promise (comments of Rules, SectionInputs,
SectionResult, Snapshot, Allocation and Bundle, and how booths are divided), and shares no code
with it. Quantities, ranks, ties and digests are computed anew; of a placement, which is a
choice among many, that it is one, that its counts are right and that its bounds can be.
It prints what differs, and then ends with 1.
"""
import hashlib
import json
import sys
from collections import defaultdict
from fractions import Fraction

findings = []


def differs(where, what, said, computed):
    if said != computed:
        findings.append(f"{where}: {what} is {said!r}, computed {computed!r}")


def sha256(*lines):
    digest = hashlib.sha256()
    for line in lines:
        digest.update(line.encode() + b"\n")
    return digest.hexdigest()


def thousandths(points):
    """Points as a whole number of thousandths; unset points are 0."""
    value = Fraction(points or "0") * 1000
    assert value.denominator == 1, points
    return value.numerator


def points_or_empty(points):
    return str(thousandths(points)) if points else ""


def text(value):
    return value.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")


def line(*fields):
    return "\t".join(text(str(int(f) if isinstance(f, bool) else f)) for f in fields)


def last(name):
    return name.rsplit("/", 1)[-1]


# Digests ---------------------------------------------------------------------------------


def digest_of_rules(rules):
    number = lambda field: int(rules.get(field, 0))
    lines = [
        line(
            "rules",
            rules["quotaMethod"],
            *map(
                number,
                (
                    "producerExportsUsd",
                    "distributorExportsUsd",
                    "newcomerDivisor",
                    "newcomerMaximum",
                    "firmCap",
                    "hostBooths",
                    "hostPartners",
                    "confirmationDays",
                    "objectionDays",
                    "reportDays",
                ),
            ),
        )
    ]
    for kind in ("brand", "general"):
        for c in rules.get(f"{kind}Criteria", []):
            lines.append(
                line("criterion", kind, c["id"], c["title"], thousandths(c["maximum"]), c.get("rule", ""))
            )
    for kind in ("brand", "general"):
        quantity = rules[f"{kind}Quantity"]
        lines.append(line("quantity", kind, quantity["method"], points_or_empty(quantity.get("base"))))
    lines += [line("tier", thousandths(tier)) for tier in rules.get("tiers", [])]
    for s in rules.get("sanctions", []):
        lines.append(
            line("sanction", s["violation"], s.get("sectionEditions", 0), s.get("brandEditions", 0))
        )
    return sha256(*lines)


def digest_of_inputs(inputs):
    number = lambda field: inputs.get(field, 0)
    lines = [
        line(
            "section",
            last(inputs["name"]),
            inputs.get("phase", ""),
            inputs["stage"],
            inputs.get("waitingList", False),
            number("brandBooths"),
            number("generalBooths"),
            number("newcomerBooths"),
            number("brandMinimum"),
            number("firmCap"),
            points_or_empty(inputs.get("base")),
            number("generalFirms"),
            number("newcomerFirms"),
        )
    ]
    for q in inputs.get("quotas", []):
        lines.append(line("quota", q["delegation"], q.get("booths", 0)))
    for a in inputs.get("applications", []):
        lines.append(
            line(
                "application",
                a["pseudonym"],
                a["kind"],
                a.get("delegation", ""),
                points_or_empty(a.get("score")),
                a.get("minimumBooths", 0),
                a.get("maximumBooths", 0),
                a.get("newcomer", False),
                a.get("booths", 0),
                a.get("standType", "STAND_TYPE_UNSPECIFIED"),
                a.get("productGroup", ""),
                a.get("exclusion", ""),
            )
        )
    for r in inputs.get("runs", []):
        corners = ",".join(map(str, r.get("cornerNumbers", [])))
        lines.append(
            line(
                "run", r["hall"], r["row"], r.get("firstNumber", 0), r["numberStep"], r["cells"], corners
            )
        )
    return sha256(*lines)


def digest_of_result(section, result):
    number = lambda field: result.get(field, 0)
    lines = [line("section", section, number("firms"), number("booths"), number("leftBooths"))]
    for p in result.get("pools", []):
        lines.append(
            line(
                "pool",
                p["pool"],
                p.get("delegation", ""),
                p.get("booths", 0),
                p.get("left", 0),
                p.get("step", ""),
                p.get("applications", 0),
            )
        )
    for d in result.get("decisions", []):
        lines.append(
            line(
                "decision",
                d["pseudonym"],
                d.get("pool", "POOL_UNSPECIFIED"),
                d.get("rank", 0),
                d.get("booths", 0),
                d.get("reason", ""),
                d.get("hall", ""),
                d.get("row", ""),
                d.get("firstNumber", 0),
            )
        )
    for b in result.get("bounds", []):
        lines.append(
            line("bound", b["standClass"], b.get("booths", 0), b.get("bound", 0), b.get("demand", 0))
        )
    return sha256(*lines)


# How booths are divided ------------------------------------------------------------------


class Applicant:
    def __init__(self, entry, seed, section, minimum, maximum):
        self.entry = entry
        self.score = thousandths(entry.get("score"))
        self.key = sha256_joined(seed, section, entry["pseudonym"])
        self.minimum = max(1, minimum)
        self.maximum = maximum

    def order(self):
        return (-self.score, self.key)


def sha256_joined(*parts):
    """The lottery's hash: a line feed behind all parts but the last."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def by_rank(booths, ranking, firms=None):
    """Booths by rank, and what is left: min(maximum, left), or none below the minimum."""
    granted = []
    for applicant in ranking:
        mine = min(applicant.maximum, booths)
        if mine < applicant.minimum or firms == 0:
            mine = 0
        elif firms is not None:
            firms -= 1
        booths -= mine
        granted.append(mine)
    return granted, booths


def score_step(booths, base, ranking):
    """Of firms at or above the base, by rank: booths, left, step or None."""
    n = len(ranking)
    if booths <= n:
        return [1] * booths + [0] * (n - booths), 0, None
    granted = [1] * n
    left = booths - n
    surplus = sum(a.score for a in ranking) - base * n
    step = None
    if surplus > 0:
        step = (surplus, booths - n)
        further = [divmod((a.score - base) * step[1], step[0]) for a in ranking]
        for i, applicant in enumerate(ranking):
            granted[i] += min(further[i][0], applicant.maximum - 1)
        left = booths - sum(granted)
        order = sorted(range(n), key=lambda i: (-further[i][1], ranking[i].order()))
        for i in order:
            if left > 0 and further[i][1] > 0 and granted[i] < ranking[i].maximum:
                granted[i] += 1
                left -= 1
    while left > 0 and any(granted[i] < ranking[i].maximum for i in range(n)):
        for i in range(n):
            if left > 0 and granted[i] < ranking[i].maximum:
                granted[i] += 1
                left -= 1
    return granted, left, step


def highest_averages(booths, ranking):
    granted = [0] * len(ranking)
    while booths > 0:
        open_ones = [
            i for i, a in enumerate(ranking) if a.score > 0 and granted[i] < a.maximum
        ]
        if not open_ones:
            break
        best = min(open_ones, key=lambda i: (-Fraction(ranking[i].score, granted[i] + 1), ranking[i].key))
        granted[best] += 1
        booths -= 1
    return granted, booths, None


def largest_remainder(booths, ranking):
    n = len(ranking)
    granted = [0] * n
    free = [i for i in range(n) if ranking[i].score > 0]
    left = booths
    while free:
        weights = sum(ranking[i].score for i in free)
        over = [i for i in free if ranking[i].score * left > ranking[i].maximum * weights]
        if not over:
            break
        for i in over:
            granted[i] = ranking[i].maximum
            free.remove(i)
        left -= sum(ranking[i].maximum for i in over)
    if free:
        weights = sum(ranking[i].score for i in free)
        shares = {i: divmod(ranking[i].score * left, weights) for i in free}
        for i in free:
            granted[i] = shares[i][0]
        rest = left - sum(s[0] for s in shares.values())
        for i in sorted(free, key=lambda i: (-shares[i][1], ranking[i].key))[:rest]:
            granted[i] += 1
    return granted, booths - sum(granted), None


def by_rule(rule, booths, ranking):
    """Booths by rank, left, step."""
    method, base = rule["method"], thousandths(rule.get("base"))
    if method == "RANKED":
        granted, left = by_rank(booths, ranking)
        return granted, left, None
    taking_part = [
        i
        for i, a in enumerate(ranking)
        if a.minimum <= a.maximum and (method != "SCORE_STEP" or a.score >= base)
    ]
    while True:
        chosen = [ranking[i] for i in taking_part]
        if method == "SCORE_STEP":
            granted, left, step = score_step(booths, base, chosen)
        elif method == "HIGHEST_AVERAGES":
            granted, left, step = highest_averages(booths, chosen)
        else:
            granted, left, step = largest_remainder(booths, chosen)
        short = [k for k, a in enumerate(chosen) if granted[k] < a.minimum]
        if not short:
            break
        del taking_part[short[-1]]
    all_granted = [0] * len(ranking)
    for k, i in enumerate(taking_part):
        all_granted[i] = granted[k]
    return all_granted, left, step


# A section -------------------------------------------------------------------------------


class Expected:
    def __init__(self):
        self.decisions = {}  # pseudonym -> (pool, rank, booths)
        self.pools = []  # (pool, delegation, booths, left, step, applications)

    def add_pool(self, pool, delegation, booths, left, step, ranking, granted, ranked=True):
        written = f"{step[0]}/{step[1]}" if step else ""
        self.pools.append((pool, delegation, booths, left, written, len(ranking)))
        for rank, (applicant, mine) in enumerate(zip(ranking, granted), 1):
            self.decisions[applicant.entry["pseudonym"]] = (pool, rank, mine)


def newcomer_firms(rules, inputs, others):
    divisor = rules.get("newcomerDivisor", 0)
    if divisor == 0:
        return 0
    return max(0, (inputs.get("generalFirms", 0) + others) // divisor - inputs.get("newcomerFirms", 0))


def compute(rules, inputs, seed):
    section = last(inputs["name"])
    cap = inputs.get("firmCap") or rules["firmCap"]
    waiting = inputs.get("waitingList", False)
    brand = inputs["stage"] == "BRAND"
    applicants = []
    for entry in inputs.get("applications", []):
        if entry.get("exclusion"):
            continue
        newcomer = entry.get("newcomer", False) and not brand
        minimum = entry["minimumBooths"]
        maximum = min(entry["maximumBooths"], cap)
        if brand:
            minimum = max(minimum, inputs.get("brandMinimum", 0))
        if newcomer:
            maximum = min(maximum, rules.get("newcomerMaximum", 0))
        applicants.append(Applicant(entry, seed, section, minimum, maximum))
    applicants.sort(key=Applicant.order)
    expected = Expected()
    if brand:
        booths = inputs.get("brandBooths", 0)
        if waiting:
            granted, left = by_rank(booths, applicants)
            expected.add_pool("WAITING_LIST", "", booths, left, None, applicants, granted)
        else:
            granted, left, step = by_rule(rules["brandQuantity"], booths, applicants)
            expected.add_pool("BRAND_BOOTHS", "", booths, left, step, applicants, granted)
        return expected

    rule = dict(rules["generalQuantity"])
    if inputs.get("base"):
        rule["base"] = inputs["base"]
    newcomers = [a for a in applicants if a.entry.get("newcomer")]
    others = [a for a in applicants if not a.entry.get("newcomer")]
    quotas = defaultdict(int)
    for quota in inputs.get("quotas", []):
        quotas[quota["delegation"]] += quota.get("booths", 0)
    for a in others:
        quotas[a.entry.get("delegation", "")] += 0
    if waiting:
        compute_waiting_list(inputs, quotas, others, expected)
    else:
        for delegation in sorted(quotas, key=lambda d: d.encode()):
            ranking = [a for a in others if a.entry.get("delegation", "") == delegation]
            granted, left, step = by_rule(rule, quotas[delegation], ranking)
            expected.add_pool("QUOTA", delegation, quotas[delegation], left, step, ranking, granted)
    served = sum(1 for pool, rank, booths in expected.decisions.values() if booths)
    booths = inputs.get("newcomerBooths", 0)
    granted, left = by_rank(booths, newcomers, newcomer_firms(rules, inputs, served))
    expected.add_pool("NEWCOMERS", "", booths, left, None, newcomers, granted)
    return expected


def compute_waiting_list(inputs, quotas, others, expected):
    total = inputs.get("generalBooths", 0)
    left_of = dict(quotas)
    waiting = []
    of_delegation = defaultdict(list)
    for a in others:
        delegation = a.entry.get("delegation", "")
        of_delegation[delegation].append(a)
        mine = min(a.maximum, left_of[delegation], total)
        if mine < a.minimum:
            waiting.append(a)
            continue
        left_of[delegation] -= mine
        total -= mine
        rank = len(of_delegation[delegation])
        expected.decisions[a.entry["pseudonym"]] = ("QUOTA", rank, mine)
    for delegation in sorted(quotas, key=lambda d: d.encode()):
        ranking = of_delegation[delegation]
        expected.pools.append(
            ("QUOTA", delegation, quotas[delegation], left_of[delegation], "", len(ranking))
        )
    granted, left = by_rank(total, waiting)
    expected.add_pool("WAITING_LIST", "", total, left, None, waiting, granted)


def check_quantities(where, bundle, seed):
    inputs, result = bundle["inputs"], bundle["result"]
    expected = compute(bundle["allocation"]["rules"], inputs, seed)
    excluded = {a["pseudonym"] for a in inputs.get("applications", []) if a.get("exclusion")}
    said = {d["pseudonym"]: d for d in result.get("decisions", [])}
    everybody = {a["pseudonym"] for a in inputs.get("applications", [])}
    decided = sorted(d["pseudonym"] for d in result.get("decisions", []))
    differs(where, "the applications decided on", decided, sorted(everybody))
    for pseudonym, decision in said.items():
        booths = decision.get("booths", 0)
        if pseudonym in excluded:
            differs(where, f"booths of {pseudonym}, which is excluded", booths, 0)
            differs(where, f"reason of {pseudonym}", decision.get("reason"), "EXCLUDED")
            continue
        if pseudonym not in expected.decisions:
            continue
        pool, rank, computed = expected.decisions[pseudonym]
        differs(where, f"pool of {pseudonym}", decision.get("pool"), pool)
        differs(where, f"rank of {pseudonym}", decision.get("rank", 0), rank)
        differs(where, f"booths of {pseudonym}", booths, computed)
    pools = [
        (
            p["pool"],
            p.get("delegation", ""),
            p.get("booths", 0),
            p.get("left", 0),
            p.get("step", ""),
            p.get("applications", 0),
        )
        for p in result.get("pools", [])
    ]
    differs(where, "the pools", pools, expected.pools)
    granted = [booths for _, _, booths in expected.decisions.values() if booths]
    differs(where, "firms", result.get("firms", 0), len(granted))
    differs(where, "booths", result.get("booths", 0), sum(granted))
    # Those of a delegation that are left on a waiting list go on to all who wait.
    left = sum(p[3] for p in expected.pools if p[0] != "QUOTA" or not inputs.get("waitingList"))
    differs(where, "left booths", result.get("leftBooths", 0), left)


STAND_CLASSES = ("BRAND_STAND", "CUSTOM_BUILT_STAND", "STANDARD_STAND")


def stand_class(entry):
    if entry["kind"] == "BRAND":
        return STAND_CLASSES[0]
    return STAND_CLASSES[1 if entry.get("standType") == "CUSTOM_BUILT" else 2]


def check_placement(where, bundle):
    inputs, result = bundle["inputs"], bundle["result"]
    runs = inputs.get("runs", [])
    entries = {a["pseudonym"]: a for a in inputs.get("applications", [])}
    taken = {}
    placed = defaultdict(int)
    firms = 0
    for decision in result.get("decisions", []):
        entry = entries.get(decision["pseudonym"])
        if entry is None or not decision.get("row"):
            if entry is None:
                findings.append(f"{where}: {decision['pseudonym']} is not in the inputs")
            differs(where, f"booths of {decision['pseudonym']}", decision.get("booths", 0), 0)
            continue
        if entry.get("exclusion"):
            findings.append(f"{where}: {decision['pseudonym']} has a position and is excluded")
        differs(where, f"booths of {decision['pseudonym']}", decision["booths"], entry["booths"])
        inside = False
        for run in runs:
            if (run["hall"], run["row"]) != (decision["hall"], decision["row"]):
                continue
            index, beside = divmod(decision.get("firstNumber", 0) - run.get("firstNumber", 0), run["numberStep"])
            inside |= beside == 0 and index >= 0 and index + entry["booths"] <= run["cells"]
            if not inside:
                continue
            for i in range(entry["booths"]):
                cell = (run["hall"], run["row"], decision.get("firstNumber", 0) + i * run["numberStep"])
                if cell in taken:
                    findings.append(f"{where}: {cell} has {taken[cell]} and {decision['pseudonym']}")
                taken[cell] = decision["pseudonym"]
            break
        if not inside:
            findings.append(f"{where}: {decision['pseudonym']} does not stand within one run")
        placed[stand_class(entry)] += entry["booths"]
        firms += 1
    demand = defaultdict(int)
    for entry in entries.values():
        if not entry.get("exclusion"):
            demand[stand_class(entry)] += entry["booths"]
    cells = sum(run["cells"] for run in runs)
    for bound in result.get("bounds", []):
        name = bound["standClass"]
        differs(where, f"booths of {name}", bound.get("booths", 0), placed[name])
        differs(where, f"demand of {name}", bound.get("demand", 0), demand[name])
        if not placed[name] <= bound.get("bound", 0) <= min(demand[name], cells):
            findings.append(f"{where}: the bound of {name}, {bound.get('bound', 0)}, cannot be right")
    decided = sorted(d["pseudonym"] for d in result.get("decisions", []))
    differs(where, "the applications decided on", decided, sorted(entries))
    differs(where, "firms", result.get("firms", 0), firms)
    differs(where, "booths", result.get("booths", 0), sum(placed.values()))
    differs(where, "left booths", result.get("leftBooths", 0), cells - sum(placed.values()))


# The run ---------------------------------------------------------------------------------


def check_seed(bundle):
    draw, allocation = bundle["draw"], bundle["allocation"]
    commitment = hashlib.sha256(draw["secret"].encode()).hexdigest()
    differs("the lottery", "commitment", draw["commitment"], commitment)
    seed = sha256_joined(draw["secret"], draw["inputsDigest"], draw["publicValue"])
    differs("the lottery", "seed", draw["seed"], seed)
    differs("the run", "seed", allocation["seed"], seed)
    # Waiting lists and reruns have the seed of the first snapshot of their stage.
    if draw["snapshot"] == bundle["snapshot"]["name"]:
        differs("the lottery", "inputs", draw["inputsDigest"], bundle["snapshot"]["digest"])
    return seed


def check(bundles):
    first = bundles[0]
    allocation, snapshot = first["allocation"], first["snapshot"]
    seed = check_seed(first)
    sections = [last(bundle["inputs"]["name"]) for bundle in bundles]
    differs("the bundles", "sections", sections, [last(name) for name in allocation["sections"]])
    inputs_digests, result_digests = [], []
    for bundle in bundles:
        section = last(bundle["inputs"]["name"])
        for part in ("allocation", "draw", "snapshot"):
            differs(section, f"the {part}", bundle[part], first[part])
        differs(section, "the section of the result", last(bundle["result"]["name"]), section)
        inputs_digests.append(digest_of_inputs(bundle["inputs"]))
        differs(section, "digest of the inputs", bundle["inputs"]["digest"], inputs_digests[-1])
        result_digests.append(digest_of_result(section, bundle["result"]))
        differs(section, "digest of the result", bundle["result"]["digest"], result_digests[-1])
        if allocation["stage"] == "PLACEMENT":
            check_placement(section, bundle)
        else:
            check_quantities(section, bundle, seed)
    for field, digests in (("inputsDigests", inputs_digests), ("resultDigests", result_digests)):
        for bundle in bundles:
            differs(last(bundle["inputs"]["name"]), field, bundle[field], digests)
    digest = sha256(*inputs_digests)
    differs("the snapshot", "digest", snapshot["digest"], digest)
    differs("the run", "digest of the inputs", allocation["inputsDigest"], digest)
    rules = digest_of_rules(allocation["rules"])
    differs("the run", "digest of the rules", allocation["rulesDigest"], rules)
    differs("the run", "digest", allocation["digest"], sha256(digest, rules, seed, *result_digests))
    totals = {
        field: sum(bundle["result"].get(field, 0) for bundle in bundles)
        for field in ("firms", "booths", "leftBooths")
    }
    totals["applications"] = sum(len(b["inputs"].get("applications", [])) for b in bundles)
    totals["boothsBound"] = sum(
        bound.get("bound", 0) for b in bundles for bound in b["result"].get("bounds", [])
    )
    for field, total in totals.items():
        differs("the run", field, allocation.get(field, 0), total)
    return len(bundles), totals["firms"], totals["booths"]


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with open(sys.argv[1], encoding="utf-8") as file:
        bundles = json.load(file)
    sections, firms, booths = check(bundles)
    for finding in findings:
        print(finding)
    if findings:
        sys.exit(1)
    print(f"{sections} sections, {firms} firms and {booths} booths are as the inputs, rules and seed say.")


if __name__ == "__main__":
    main()
