#!/usr/bin/env python3
"""Computes a published evaluation of pilot zones again, from what caravanctl exports.

    check_evaluation.py EVALUATION SUBMISSIONS ZONES

    EVALUATION   caravanctl get evaluations 2022 -o json
    SUBMISSIONS  caravanctl get submissions --parent evaluations/2022 -o json
    ZONES        caravanctl get pilotZones -o json

It knows of the service only what the contracts of Evaluation and Ranking promise, and shares
no code with it. It prints what differs, and then ends with 1.
"""
import hashlib
import json
import sys
from fractions import Fraction

DIGITS = 12  # of a normalised value


def read(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def written(number):
    """A decimal number in its one form: no zeros, and no point, that say nothing."""
    if number is None:
        return "-"
    number = Fraction(number)
    units = number * 10**18
    if units.denominator != 1:
        raise ValueError(f"{number} has more than 18 digits behind the point")
    sign = "-" if units < 0 else ""
    whole, rest = divmod(abs(units.numerator), 10**18)
    places = f"{rest:018d}".rstrip("0")
    return f"{sign}{whole}{'.' if places else ''}{places}"


def day(date, otherwise):
    """The first day that a date may mean, as (year, month, day)."""
    if not date:
        return otherwise
    return (date["year"], date.get("month") or 1, date.get("day") or 1)


def must_submit(evaluation, zone):
    on = day(evaluation["referenceDate"], None)
    batches = evaluation.get("batches", [])
    return (
        day(zone.get("approvalDate"), (0, 0, 0)) <= on < day(zone.get("endDate"), (9999, 99, 99))
        and (not batches or zone["batch"] in batches)
    )


def normalise(indicator, value, values):
    if indicator["normalisation"] == "TARGET":
        base, target = Fraction(indicator.get("base", "0")), Fraction(indicator["target"])
        x = min(max((value - base) / (target - base), Fraction(0)), Fraction(1))
    else:
        least, greatest = min(values), max(values)
        if least == greatest:
            x = Fraction(1)
        elif indicator["direction"] == "HIGHER_IS_BETTER":
            x = (value - least) / (greatest - least)
        else:
            x = (greatest - value) / (greatest - least)
    # Python rounds a fraction to the nearest whole number, half to even.
    return Fraction(round(x * 10**DIGITS), 10**DIGITS)


def tier_of(evaluation, rank, score, ranked):
    total = Fraction(0)
    for tier in evaluation["tiers"][:-1]:
        bound = Fraction(tier["bound"])
        total += bound
        reached = {
            "COUNT": rank <= total,
            "SHARE": rank <= total * ranked,
            "THRESHOLD": score >= bound,
        }[evaluation["tierRule"]]
        if reached:
            return tier["id"]
    return evaluation["tiers"][-1]["id"]


def digest(lines):
    text = "".join(" ".join(str(word) for word in line) + "\n" for line in lines)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def rank(evaluation, submissions, zones):
    """The ranking, in the form of the contract's message Ranking."""
    figures, missing = {}, []
    by_zone = {submission["pilotZone"]: submission for submission in submissions}
    for zone in sorted(zone["name"] for zone in zones if must_submit(evaluation, zone)):
        submission = by_zone.get(zone)
        if submission is not None and submission["state"] == "VERIFIED":
            figures[zone] = {v["indicator"]: Fraction(v["value"]) for v in submission["values"]}
        else:
            missing.append(zone)
    indicators = evaluation["indicators"]
    columns = {i["id"]: [values[i["id"]] for values in figures.values()] for i in indicators}
    scores = {
        zone: sum(
            Fraction(i["weight"]) * normalise(i, values[i["id"]], columns[i["id"]])
            for i in indicators
        )
        for zone, values in figures.items()
    }
    standings = []
    for zone in sorted(scores, key=lambda zone: (-scores[zone], zone)):
        place = 1 + sum(score > scores[zone] for score in scores.values())
        standings.append(
            {
                "pilotZone": zone,
                "rank": place,
                "score": written(scores[zone]),
                "tier": tier_of(evaluation, place, scores[zone], len(scores)),
            }
        )
    ranges = [
        {
            "indicator": i["id"],
            "min": written(min(columns[i["id"]])),
            "max": written(max(columns[i["id"]])),
        }
        for i in indicators
        if i["normalisation"] == "MIN_MAX"
    ]

    reference = "%04d-%02d-%02d" % day(evaluation["referenceDate"], None)
    inputs = [("caravan evaluation inputs 1",), ("evaluation", evaluation["name"], reference)]
    for i in indicators:
        numbers = [written(i.get(field)) for field in ("weight", "base", "target")]
        inputs.append(("indicator", i["id"], i["direction"], i["normalisation"], *numbers))
    inputs.append(("tiers", evaluation["tierRule"]))
    inputs += [("tier", tier["id"], written(tier.get("bound"))) for tier in evaluation["tiers"]]
    for zone, values in figures.items():
        inputs.append(("zone", zone))
        inputs += [("value", i["id"], written(values[i["id"]])) for i in indicators]
    inputs += [("missing", zone) for zone in missing]
    inputs_digest = digest(inputs)
    result = [("caravan evaluation result 1",), ("inputs", inputs_digest)]
    result += [("range", r["indicator"], r["min"], r["max"]) for r in ranges]
    result += [("standing", s["pilotZone"], s["rank"], s["score"], s["tier"]) for s in standings]
    result += [("missing", zone) for zone in missing]
    return {
        "inputsDigest": inputs_digest,
        "digest": digest(result),
        "ranges": ranges,
        "standings": standings,
        "missing": [{"pilotZone": zone} for zone in missing],
    }


def differences(published, computed):
    """What a published ranking says otherwise, a line each."""
    for name in ("inputsDigest", "digest"):
        if published.get(name) != computed[name]:
            yield f"{name} is {published.get(name)}; it should be {computed[name]}"
    for name in ("ranges", "standings", "missing"):
        there, here = published.get(name, []), computed[name]
        if len(there) != len(here):
            yield f"there are {len(there)} {name}; there should be {len(here)}"
        for i, (is_there, should_be) in enumerate(zip(there, here)):
            # The published one says more, such as the name of the submission.
            seen = {field: is_there.get(field) for field in should_be}
            if seen != should_be:
                yield f"{name}[{i}] is {seen}; it should be {should_be}"


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    evaluation, submissions, zones = (read(path) for path in sys.argv[1:])
    if evaluation.get("state") != "PUBLISHED":
        sys.exit(f"{evaluation['name']} is {evaluation.get('state')}, not PUBLISHED")
    computed = rank(evaluation, submissions, zones)
    wrong = list(differences(evaluation["ranking"], computed))
    for line in wrong:
        print(line)
    if wrong:
        sys.exit(1)
    tiers = [standing["tier"] for standing in computed["standings"]]
    sizes = ", ".join(f"{tiers.count(tier['id'])} {tier['id']}" for tier in evaluation["tiers"])
    names = ", ".join(zone["pilotZone"] for zone in computed["missing"]) or "none"
    print(f"{evaluation['name']}: {len(tiers)} zones over {len(evaluation['indicators'])} indicators")
    print(f"tiers: {sizes}")
    print(f"missing: {names}")
    print(f"digest: {computed['digest']}")


if __name__ == "__main__":
    main()
