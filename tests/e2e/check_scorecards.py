#!/usr/bin/env python3
"""Computes scorecards of the last kilometre again, from what was sent.

    check_scorecards.py --registers FILE... --announcements FILE... --events CARRIER=FILE...
                        --scorecards FILE... [--as-of TIME] [--complete]

    --registers      partners, lanes, calendars and partnerships: JSON documents between lines
                     `---`, as `logistics-stream registers` and `partnerships` write them
    --announcements  what `caravanctl logistics announce` took: parcels and links
    --events         what `caravanctl logistics import --carrier CARRIER` took (CSV or JSON
                     Lines), in any order and however often; broken lines are left out
    --scorecards     what `caravanctl logistics scorecard -o json` shows, or the responses of
                     QueryScorecards
    --as-of          the moment of the answers; now by default, which does for events of long ago
    --complete       the scorecards are all there are of their dimensions and periods

It shares no code with the service, and is written from the definitions of its words:
services/logistics/parcel_course.h, scorecard.h, commitment.h, parcel_keeper.h, the contracts and
docs/logistics.md. All is counted parcel by parcel and event by event, as plainly as can be.
It assumes that announcements say when they were made, and since when numbers are a parcel's. Counts
and rates must be equal, percentiles within 1 %. It prints what differs, and then ends with 1.
"""
import argparse
import bisect
import csv
import datetime
import io
import json
import math
import os
import re
import sys
import time
import zoneinfo
from collections import defaultdict

SECOND = 1_000_000  # times are whole microseconds since 1970
HOUR = 3600 * SECOND
DAY = 24 * HOUR
SILENCE_OF_NUMBERS = 365 * DAY
UTC = datetime.timezone.utc
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=UTC)
DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../deploy/data")

STATUSES = """UNKNOWN INFO_RECEIVED PICKED_UP IN_TRANSIT DEPARTED_ORIGIN ARRIVED_DESTINATION
CUSTOMS_HELD CUSTOMS_RELEASED ARRIVED_DELIVERY_HUB OUT_FOR_DELIVERY AVAILABLE_FOR_PICKUP
DELIVERY_FAILED EXCEPTION DAMAGED DELIVERED RETURNING RETURNED LOST CANCELLED""".split()
ORDER = {status: i for i, status in enumerate(STATUSES)}
REASONS = " CUSTOMS ADDRESS FORCE_MAJEURE RECIPIENT_REQUEST NOBODY REFUSED SECURITY".split(" ")
PAUSING = ("CUSTOMS", "ADDRESS", "FORCE_MAJEURE", "RECIPIENT_REQUEST")
MILESTONES = {
    "HAND_OVER": "PICKED_UP",
    "DEPARTURE": "DEPARTED_ORIGIN",
    "ARRIVAL": "ARRIVED_DESTINATION",
    "RELEASE": "CUSTOMS_RELEASED",
    "HUB": "ARRIVED_DELIVERY_HUB",
    "OUT_FOR_DELIVERY": "OUT_FOR_DELIVERY",
    "DELIVERY": "DELIVERED",
}
PLACES = list(MILESTONES)
MOVEMENT = {
    "PICKED_UP", "IN_TRANSIT", "DEPARTED_ORIGIN", "ARRIVED_DESTINATION", "CUSTOMS_RELEASED",
    "ARRIVED_DELIVERY_HUB", "OUT_FOR_DELIVERY", "AVAILABLE_FOR_PICKUP", "DELIVERY_FAILED",
    "DELIVERED",
}  # fmt: skip
BEHIND_HUB = {"OUT_FOR_DELIVERY", "AVAILABLE_FOR_PICKUP", "DELIVERY_FAILED", "DELIVERED"}
ENDS = {"DELIVERED", "RETURNING", "RETURNED"}
WEEKDAYS = "MONDAY TUESDAY WEDNESDAY THURSDAY FRIDAY SATURDAY SUNDAY".split()

# Counts of a scorecard, as the contract calls them.
COUNTS = """handedOver lost unknown damaged returned scansExpected scansMissing outOfSequence
negativeIntervals beforeParcel afterDelivery futureDated unknownCodes due onTime refused attempted
firstAttempt delivered information informationOnTime""".split()
RATES = {
    "ON_TIME": ("onTime", "due"),
    "FIRST_ATTEMPT": ("firstAttempt", "attempted"),
    "LOSS": ("lost", "handedOver"),
    "DAMAGE": ("damaged", "handedOver"),
    "RETURN": ("returned", "handedOver"),
    "INFORMATION_ON_TIME": ("informationOnTime", "information"),
}  # and SCAN_COMPLIANCE: expected less missing / expected
LEGS = ("LINE_HAUL", "CLEARANCE", "LAST_MILE")

# Time ------------------------------------------------------------------------------------


def micros(moment):
    return (moment - EPOCH) // datetime.timedelta(microseconds=1)


def moment(us, zone=UTC):
    return (EPOCH + datetime.timedelta(microseconds=us)).astimezone(zone)


def day_of(us, zone):
    return moment(us, zone).date()


def local(naive, zone):
    """A local time; of two the first, and where clocks skip it, when they do."""
    there = naive.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if there.astimezone(zone).replace(tzinfo=None) == naive:
        return micros(there)
    low, high = micros(there) - 2 * DAY, micros(there) + 2 * DAY
    new = moment(micros(there), zone).utcoffset()
    while low < high:  # the first moment of the new offset
        middle = (low + high) // 2
        if moment(middle, zone).utcoffset() == new:
            high = middle
        else:
            low = middle + 1
    return low


def end_of_day(date, zone):
    return local(datetime.datetime.combine(date + datetime.timedelta(1), datetime.time()), zone) - 1


def timestamp(text):
    match = re.fullmatch(r"(.{19})(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", text)
    base = datetime.datetime.fromisoformat(match[1] + match[3].replace("Z", "+00:00"))
    return micros(base) + int(float(match[2] or 0) * SECOND)


def fixed(sign, hours, minutes):
    offset = datetime.timedelta(hours=int(hours), minutes=int(minutes or 0))
    if offset >= datetime.timedelta(hours=15) or int(minutes or 0) > 59:
        return None
    return datetime.timezone(-offset if sign == "-" else offset)


TIME = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?"
    r"(?:(Z)|([+-])(\d\d):?(\d\d)?)?"
)


def read_time(text, zone):
    """The moment that a carrier wrote; None where it is none, or nobody knows the zone."""
    match = TIME.fullmatch(text)
    if not match:
        return None
    year, month, day, hour, minute, second, fraction, utc, sign, hours, minutes = match.groups()
    try:
        naive = datetime.datetime(
            int(year), int(month), int(day), int(hour), int(minute), int(second or 0)
        )
    except ValueError:
        return None
    if not 2000 <= naive.year <= 2199:
        return None
    if utc:
        zone = UTC
    elif sign:
        zone = fixed(sign, hours, minutes)
    if zone is None:
        return None
    return local(naive, zone) + int(((fraction or "") + "000000")[:6])


# What was sent ---------------------------------------------------------------------------


def camel(name):
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


def plain(value):
    """JSON with all names as proto3 writes them."""
    if isinstance(value, dict):
        return {camel(k): plain(v) for k, v in value.items()}
    return [plain(v) for v in value] if isinstance(value, list) else value


def read_documents(path):
    with open(path, encoding="utf-8") as file:
        for text in re.split(r"^---$", file.read(), flags=re.M):
            if text.strip():
                yield plain(json.loads(text))


def read_events(path):
    with open(path, "rb") as file:
        data = file.read()
    if path.endswith(".csv"):
        rows = csv.reader(io.StringIO(data.decode("utf-8-sig", "surrogateescape"), newline=""))
        header = [camel(name) for name in next(rows)]
        for row in rows:
            if len(row) == len(header):
                yield {k: v for k, v in zip(header, row) if v}
        return
    for line in data.split(b"\n"):
        try:
            event = json.loads(line.decode("utf-8-sig"))
        except ValueError:
            continue
        if isinstance(event, dict):
            yield plain(event)


class World:
    """Registers, parcels by id, and whose numbers are."""

    def __init__(self, as_of):
        self.as_of = as_of
        self.registers = {}
        self.codes = {}
        self.rules = {}
        self.parcels = {}
        self.events = defaultdict(list)  # as sent, by carrier
        self.refused = 0
        with open(os.path.join(DATA, "tracking_codes.csv"), encoding="utf-8") as file:
            for row in csv.DictReader(file):
                self.codes[row["vocabulary"], row["code"]] = row["status"], row["reason"]
        with open(os.path.join(DATA, "tracking_vocabularies.csv"), encoding="utf-8") as file:
            for row in csv.DictReader(file):
                self.rules[row["vocabulary"]] = row["times"]

    def add_register(self, document):
        self.registers[document["name"]] = document

    def announce(self, line):
        if "parcel" not in line:
            parcel = self.parcels.get(line["name"].split("/")[-1])
            if parcel:
                parcel["numbers"].append(
                    (line["carrier"], line["trackingNumber"], timestamp(line["beginTime"]))
                )
            return
        parcel = dict(line["parcel"])
        parcel["announced"] = timestamp(parcel["announceTime"])
        parcel["numbers"] = [
            (n["carrier"], n["number"], timestamp(n["beginTime"]))
            for n in parcel["trackingNumbers"]
        ]
        self.parcels[line["parcelId"]] = parcel

    def rule(self, carrier):
        """In which zone a carrier's times without an offset are; None: in the place's."""
        partner = self.registers[carrier]
        vocabulary = partner.get("trackingVocabulary", "").split("/")[-1]
        rule = partner.get("timeRule") or self.rules.get(vocabulary, "PLACE")
        if rule == "PLACE":
            return None
        if match := re.fullmatch(r"([+-])(\d\d):?(\d\d)?", rule):
            return fixed(*match.groups())
        return UTC if rule == "UTC" else zoneinfo.ZoneInfo(rule)

    def zone(self, parcel):
        lane = self.registers.get(parcel.get("lane"))
        return zoneinfo.ZoneInfo(lane["timeZone"]) if lane else None

    def read(self, carrier, sent, destination):
        """An event, or None where it is refused."""
        number, code = sent.get("trackingNumber", ""), sent.get("code", "")
        if not re.fullmatch(r"[!-~]{1,64}", number) or not 1 <= len(code.encode()) <= 100:
            return None
        if max(len(sent.get(field, "").encode()) for field in ("eventId", "place")) > 100:
            return None
        place = destination
        if name := sent.get("placeTimeZone"):
            place = zoneinfo.ZoneInfo(name)
        when = read_time(sent.get("eventTime", ""), self.rule(carrier) or place)
        if when is None or when > self.as_of + DAY:
            return None
        vocabulary = self.registers[carrier].get("trackingVocabulary", "").split("/")[-1]
        meaning = self.codes.get((vocabulary, code))
        status, reason = meaning or ("UNKNOWN", "")
        said = sent.get("reason", "")
        reason = reason if said in ("", "TRACKING_REASON_UNSPECIFIED") else said
        receipt = timestamp(sent["receiptTime"]) if "receiptTime" in sent else self.as_of
        return {
            "carrier": carrier,
            "number": number,
            "id": sent.get("eventId", ""),
            "code": code,
            "place": sent.get("place", ""),
            "time": when,
            "receipt": min(receipt, self.as_of),
            "status": status,
            "reason": reason,
            "known": meaning is not None,
            "correction": int(sent.get("correction", 0)),
            "withdrawn": sent.get("withdrawn") in (True, "true"),
        }

    def assign(self):
        """The events of each parcel: of those announced by id, then of those that nobody has."""
        uses = defaultdict(list)  # begin and parcel, by number
        for name, parcel in self.parcels.items():
            for carrier, number, begin in parcel["numbers"]:
                uses[carrier, number].append((begin, name))
        for begins in uses.values():
            begins.sort()
        of_number = defaultdict(list)
        for carrier, all_sent in self.events.items():
            for sent in all_sent:
                known = uses.get((carrier, sent.get("trackingNumber", "")), [])
                destination = self.zone(self.parcels[known[-1][1]]) if known else None
                event = self.read(carrier, sent, destination)
                if event is None:
                    self.refused += 1
                    continue
                of_number[carrier, event["number"]].append(event)
        of_parcel = defaultdict(list)
        for (carrier, number), events in of_number.items():
            known = uses.get((carrier, number), [])
            # Uses that events have opened, beside those that were told: begin, parcel, last.
            last = {}
            opened = []
            for event in sorted(events, key=lambda e: e["time"]):
                when = event["time"]
                # The last use that begins before and was not silent for a year; else the next,
                # where it begins within a year; else it opens one.
                i = bisect.bisect_right(known, when, key=lambda use: use[0])
                before = known[i - 1] if i > 0 else None
                if opened and (before is None or opened[-1][0] > before[0]):
                    before = opened[-1]
                if before and when <= last.get(before, before[0]) + SILENCE_OF_NUMBERS:
                    use = before
                elif i < len(known) and when >= known[i][0] - SILENCE_OF_NUMBERS:
                    use = known[i]
                else:
                    use = when, (carrier, number, when)
                    opened.append(use)
                if when >= use[0]:
                    last[use] = when
                of_parcel[use[1]].append(event)
        for name, parcel in self.parcels.items():
            yield parcel, of_parcel.pop(name, [])
        for (carrier, number, _), events in of_parcel.items():
            yield {"numbers": [(carrier, number, None)], "unannounced": True}, events

    def terms(self, parcel):
        terms = {"zone": UTC, "commitment": None, "scans": set(), "limit": 24 * HOUR}
        begins = [begin for _, _, begin in parcel["numbers"]]
        terms["begin"] = None if None in begins else min(begins)
        lane = self.registers.get(parcel.get("lane"))
        partnership = self.registers.get(parcel.get("partnership"))
        if lane:
            terms["zone"] = zoneinfo.ZoneInfo(lane["timeZone"])
        if not lane or not partnership:
            return terms
        standards = {s.get("lane", ""): s for s in partnership.get("standards", [])}
        standard = standards.get(lane["name"], standards.get(""))
        if standard is None:
            return terms
        terms["scans"] = set(standard.get("expectedScans", []))
        if standard.get("informationLimitHours"):
            terms["limit"] = standard["informationLimitHours"] * HOUR
        announced = day_of(parcel["announced"], terms["zone"])
        for exclusion in partnership.get("exclusions", []):
            if "startDate" in exclusion and announced < date(exclusion["startDate"]):
                continue
            if "endDate" in exclusion and announced >= date(exclusion["endDate"]):
                continue
            lanes, areas = exclusion.get("lanes"), exclusion.get("postalAreas")
            code = parcel.get("postalCode", "").upper()
            if lanes and lane["name"] not in lanes:
                continue
            if areas and not any(code.startswith(area) for area in areas):
                continue
            return terms
        terms["commitment"] = standard
        if standard["unit"] == "WORKING_DAYS":
            calendar = self.registers[standard["calendar"]]
            terms["calendar"] = (
                {WEEKDAYS.index(day) for day in calendar["weekdays"]},
                {date(d) for d in calendar.get("holidays", [])},
                {date(d) for d in calendar.get("extraDays", [])},
            )
        return terms

    def dimensions(self, parcel):
        partnership = self.registers.get(parcel.get("partnership"), {})
        lane = self.registers.get(parcel.get("lane"))
        courier = partnership.get("courier", "")
        if not parcel.get("partnership"):
            courier = parcel["numbers"][-1][0]
        return {
            "PARTNERSHIP": parcel.get("partnership", ""),
            "COURIER": courier,
            "LINE_HAUL_COMPANY": partnership.get("lineHaulCompany", ""),
            "LANE": parcel.get("lane", ""),
            "DESTINATION": "countries/" + lane["destinationCountry"] if lane else "",
            "ORIGIN_ZONE": parcel.get("originZone", ""),
            "SELLER": parcel.get("seller", ""),
            "PLATFORM": parcel.get("platform", ""),
        }


# A parcel --------------------------------------------------------------------------------


def standing(events):
    """The versions that stand, without what was withdrawn, in the order of the journey."""
    versions = defaultdict(list)
    for e in events:
        what = (e["id"],) if e["id"] else ("", e["code"], e["time"], e["place"])
        versions[e["carrier"], what].append(e)
    rank = lambda e: (
        e["correction"],
        e["time"],
        ORDER[e["status"]],
        REASONS.index(e["reason"]),
        e["code"].encode(),
        e["place"].encode(),
        e["withdrawn"],
    )
    result = []
    for same in versions.values():
        best = dict(max(same, key=rank))
        best["receipt"] = min(e["receipt"] for e in same)
        if not best["withdrawn"]:
            result.append(best)
    result.sort(
        key=lambda e: (
            e["time"],
            ORDER[e["status"]],
            e["carrier"],
            e["id"].encode(),
            e["code"].encode(),
            e["place"].encode(),
        )
    )
    return result


def closes(status, reason):
    if status in ENDS or status in ("LOST", "CANCELLED"):
        return True
    if reason == "CUSTOMS":
        return status in BEHIND_HUB or status in ("CUSTOMS_RELEASED", "ARRIVED_DELIVERY_HUB")
    return status in MOVEMENT


def opens(event):
    status, reason = event["status"], event["reason"]
    if reason not in PAUSING or status in ENDS or status in ("UNKNOWN", "LOST", "CANCELLED"):
        return False
    return reason != "CUSTOMS" or not closes(status, reason)


def find_failures(journey):
    """Times of failures that count, and the indexes of those that are the same as the last."""
    failures, same = [], set()
    for i, event in enumerate(journey):
        if event["status"] == "DELIVERY_FAILED":
            if failures and event["time"] - failures[-1] <= 60 * SECOND:
                same.add(i)
            else:
                failures.append(event["time"])
    return failures, same


def find_pauses(journey, same):
    found = []
    for i, event in enumerate(journey):
        if not opens(event):
            continue
        for j in range(i + 1, len(journey)):
            if j not in same and closes(journey[j]["status"], event["reason"]):
                if journey[j]["time"] > event["time"]:
                    found.append([event["time"], journey[j]["time"]])
                break
    pauses = []
    for begin, end in sorted(found):
        if pauses and begin <= pauses[-1][1]:
            pauses[-1][1] = max(pauses[-1][1], end)
        else:
            pauses.append([begin, end])
    return pauses


def deadline_of(commitment, terms, start, pauses):
    """The last moment at which a delivery is in time."""
    zone = terms["zone"]
    inside = lambda t: any(begin < t < end for begin, end in pauses)
    by_date = commitment["deadlineKind"] == "LOCAL_DATE"
    if commitment["unit"] == "HOURS":
        now, left = start, commitment["duration"] * HOUR
        for begin, end in pauses:
            if end <= now:
                continue
            if begin - now >= left:
                break
            left -= max(begin - now, 0)
            now = end
        instant = now + left
        if not by_date:
            return instant
        day = day_of(instant, zone)
        while inside(end_of_day(day, zone)):
            day += datetime.timedelta(1)
        return end_of_day(day, zone)
    weekdays, holidays, extra = terms["calendar"]
    there = moment(start, zone).replace(tzinfo=None)

    def on(day):
        if by_date:
            return end_of_day(day, zone)
        clock = there.time()
        whole = datetime.datetime.combine(day, clock.replace(microsecond=0))
        return local(whole, zone) + clock.microsecond

    day, counted = there.date(), 0
    while counted < commitment["duration"]:
        day += datetime.timedelta(1)
        works = day in extra or (day.weekday() in weekdays and day not in holidays)
        if works and not inside(on(day)):
            counted += 1
    return on(day)


def outcome(journey, behind, told, as_of):
    """LOST, RETURNED (or on the way), UNKNOWN, or something else: ''."""
    last = journey[-1]["status"]
    if last == "DELIVERED":
        return ""
    if last == "RETURNED":
        return "RETURNED"
    back = last == "RETURNING"
    lost = cancelled = False
    for event in behind if back else journey:
        status = event["status"]
        if back and status in ("RETURNED", "DELIVERED"):
            return "RETURNED"
        if status in MOVEMENT or status == "RETURNING":
            lost = cancelled = False
        lost |= status == "LOST"
        cancelled |= status == "CANCELLED"
    if lost:
        return "LOST"
    if back:
        return "RETURNED"
    if cancelled:
        return ""
    return "UNKNOWN" if told + 30 * DAY <= as_of else ""


def contribution(events, terms, as_of):
    """What a parcel adds: {day: {count: n}} and {day: {leg: [seconds]}}."""
    counts, legs = defaultdict(lambda: defaultdict(int)), defaultdict(lambda: defaultdict(list))
    zone = terms["zone"]
    before = ahead = 0
    taking = []
    for event in standing(events):
        if terms["begin"] is not None and event["time"] < terms["begin"]:
            before += 1
            continue
        ahead += event["time"] - event["receipt"] > 10 * 60 * SECOND
        if event["time"] <= as_of:
            taking.append(event)
    if not taking:
        return counts, legs
    end = next((i for i, e in enumerate(taking) if e["status"] in ENDS), len(taking) - 1)
    journey, behind = taking[: end + 1], taking[end + 1 :]
    first = {}
    for event in journey:
        first.setdefault(event["status"], event["time"])
    at = lambda milestone: first.get(MILESTONES[milestone])
    delivery = at("DELIVERY")
    failures, same = find_failures(journey)
    pauses = find_pauses(journey, same)
    moved = [e["time"] for e in journey if e["status"] in MOVEMENT]
    handed_over = at("HAND_OVER")
    if handed_over is None and moved:
        handed_over = moved[0]

    def count(when, what, n=1):
        if n:
            counts[day_of(when, zone)][what] += n

    cohort = taking[0]["time"] if handed_over is None else handed_over
    if handed_over is not None:
        told = [e["time"] for e in taking if e["status"] != "UNKNOWN"]
        became = outcome(journey, behind, told[-1] if told else taking[0]["time"], as_of)
        count(cohort, "handedOver")
        count(cohort, "lost", became == "LOST")
        count(cohort, "unknown", became == "UNKNOWN")
        count(cohort, "returned", became == "RETURNED")
        count(cohort, "damaged", any(e["status"] == "DAMAGED" for e in taking))
    count(cohort, "beforeParcel", before)
    count(cohort, "futureDated", ahead)
    count(cohort, "unknownCodes", sum(not e["known"] for e in taking))
    if delivery is not None:
        flags = ("UNKNOWN", "DAMAGED", "DELIVERED")
        count(cohort, "afterDelivery", sum(e["status"] not in flags for e in behind))

    # Scans.
    reached = max((i for i, m in enumerate(PLACES) if at(m) is not None), default=-1)
    if "DELIVERY_FAILED" in first:
        reached = max(reached, PLACES.index("OUT_FOR_DELIVERY"))
    if "AVAILABLE_FOR_PICKUP" in first:
        reached = max(reached, PLACES.index("HUB"))
    for i, milestone in enumerate(PLACES):
        if i <= reached and (milestone in ("HAND_OVER", "ARRIVAL", "HUB") or milestone in terms["scans"]):
            count(cohort, "scansExpected")
            count(cohort, "scansMissing", at(milestone) is None)
        earlier = [at(m) for m in PLACES[:i] if at(m) is not None]
        if at(milestone) is not None and earlier:
            count(cohort, "outOfSequence", at(milestone) < max(earlier))

    # Legs.
    hub = at("HUB")
    if hub is None and any(e["status"] in BEHIND_HUB for e in journey):
        last_mile = at("ARRIVAL")
    else:
        last_mile = hub
    for leg, begin, finish in (
        ("LINE_HAUL", at("HAND_OVER"), at("ARRIVAL")),
        ("CLEARANCE", at("ARRIVAL"), hub),
        ("LAST_MILE", last_mile, delivery),
    ):
        if begin is None or finish is None:
            continue
        if finish < begin:
            count(cohort, "negativeIntervals")
            continue
        rest = sum(max(min(e, finish) - max(b, begin), 0) for b, e in pauses)
        legs[day_of(finish, zone)][leg].append((finish - begin - rest) // SECOND)

    # Attempts.
    attempts = failures[:1] + ([delivery] if delivery is not None else [])
    if attempts:
        count(min(attempts), "attempted")
        count(min(attempts), "firstAttempt", not failures)
    if delivery is not None:
        count(delivery, "delivered")

    # The commitment.
    if terms["commitment"]:
        start = {"HAND_OVER": handed_over, "HUB": last_mile}.get(
            terms["commitment"]["start"], at(terms["commitment"]["start"])
        )
        if start is not None:
            deadline = deadline_of(terms["commitment"], terms, start, pauses)
            refused = delivery is None and any(
                e["status"] == "DELIVERY_FAILED" and e["reason"] == "REFUSED" for e in journey
            )
            if deadline <= as_of:
                count(deadline, "refused" if refused else "due")
                in_time = delivery is not None and delivery <= deadline
                count(deadline, "onTime", not refused and in_time)

    for event in taking:
        count(event["time"], "information")
        on_time = event["receipt"] - event["time"] <= terms["limit"]
        count(event["time"], "informationOnTime", on_time)
    return counts, legs


# Scorecards ------------------------------------------------------------------------------


class Scorecards:
    """All of them: counts and times of legs by dimension, value and day."""

    def __init__(self, world):
        self.counts = defaultdict(lambda: defaultdict(lambda: defaultdict(int)))
        self.legs = defaultdict(lambda: defaultdict(lambda: defaultdict(list)))
        self.parcels = 0
        for parcel, events in world.assign():
            self.parcels += 1
            counts, legs = contribution(events, world.terms(parcel), world.as_of)
            for key in world.dimensions(parcel).items():
                if not key[1]:
                    continue
                for day, of_day in counts.items():
                    for what, n in of_day.items():
                        self.counts[key][day][what] += n
                for day, of_day in legs.items():
                    for leg, seconds in of_day.items():
                        self.legs[key][day][leg] += seconds

    def period(self, key, begin, end):
        counts, legs = defaultdict(int), defaultdict(list)
        for day, of_day in self.counts.get(key, {}).items():
            if begin <= day < end:
                for what, n in of_day.items():
                    counts[what] += n
        for day, of_day in self.legs.get(key, {}).items():
            if begin <= day < end:
                for leg, seconds in of_day.items():
                    legs[leg] += seconds
        return counts, legs


def rates_of(counts):
    for rate, (numerator, denominator) in RATES.items():
        yield rate, counts[numerator], counts[denominator]
    expected = counts["scansExpected"]
    yield "SCAN_COMPLIANCE", expected - counts["scansMissing"], expected


def decimal(numerator, denominator):
    millionths = (2 * numerator * 1_000_000 + denominator) // (2 * denominator)
    return f"{millionths // 1_000_000}.{millionths % 1_000_000:06d}"


def date(value):
    return datetime.date(value["year"], value["month"], value["day"])


def check(said, mine, differs):
    """Compares a scorecard with what was counted."""
    key = said["dimension"], said["value"]
    begin, end = date(said["beginDate"]), date(said["endDate"])
    where = f"{key[1]} ({key[0]}) {begin} to {end}"
    counts, legs = mine.period(key, begin, end)
    for what in COUNTS:
        differs(where, what, int(said.get(what, 0)), counts[what])
    rates = {r["rate"]: r for r in said.get("rates", [])}
    for rate, numerator, denominator in rates_of(counts):
        shown = rates.pop(rate, None)
        if denominator == 0:
            differs(where, f"rate {rate}", int((shown or {}).get("denominator", 0)), 0)
            continue
        shown = shown or {}
        differs(where, f"{rate}.numerator", int(shown.get("numerator", 0)), numerator)
        differs(where, f"{rate}.denominator", int(shown.get("denominator", 0)), denominator)
        differs(where, f"{rate}.value", shown.get("value"), decimal(numerator, denominator))
    differs(where, "further rates", sorted(rates), [])
    times = {t["leg"]: t for t in said.get("legs", [])}
    for leg in LEGS:
        seconds = sorted(legs[leg])
        shown = times.pop(leg, {})
        differs(where, f"{leg}.count", int(shown.get("count", 0)), len(seconds))
        for percent in (50, 90, 95, 99) if seconds else ():
            exact = seconds[math.ceil(percent * len(seconds) / 100) - 1]
            name = f"p{percent}Seconds"
            near = int(shown.get(name, 0))
            # Within 1 %, of which whole seconds are shown.
            if abs(near - exact) >= 0.01 * exact + 1:
                differs(where, f"{leg}.{name}", near, exact)
    differs(where, "further legs", sorted(times), [])


def find_missing(all_said, mine, differs):
    """Scorecards that should be there, where all of a dimension and period are said to be."""
    there = {(s["dimension"], s["value"], date(s["beginDate"]), date(s["endDate"])) for s in all_said}
    periods = {(dimension, begin, end) for dimension, _, begin, end in there}
    for key in set(mine.counts) | set(mine.legs):
        for dimension, begin, end in periods:
            if dimension != key[0] or (*key, begin, end) in there:
                continue
            counts, legs = mine.period(key, begin, end)
            if any(counts.values()) or legs:
                differs(f"{key[1]} ({dimension}) {begin} to {end}", "the scorecard", None, "there")


def scorecards_in(value):
    value = plain(value)
    if isinstance(value, list):
        for element in value:
            yield from scorecards_in(element)
    elif "scorecards" in value:
        yield from value["scorecards"]
    elif "dimension" in value:
        yield value


def compare_with(mine, all_said, complete=False):
    """What differs, as lines."""
    findings = []

    def differs(where, what, said, computed):
        if said != computed:
            findings.append(f"{where}: {what} is {said!r}, computed {computed!r}")

    for said in all_said:
        check(said, mine, differs)
    if complete:
        find_missing(all_said, mine, differs)
    return findings


def compare(world, all_said, complete):
    mine = Scorecards(world)
    return compare_with(mine, all_said, complete), mine


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    for name in ("registers", "announcements", "events", "scorecards"):
        parser.add_argument("--" + name, nargs="+", action="extend", required=True)
    parser.add_argument("--as-of")
    parser.add_argument("--complete", action="store_true")
    args = parser.parse_args()
    world = World(timestamp(args.as_of) if args.as_of else time.time_ns() // 1000)
    for path in args.registers:
        for document in read_documents(path):
            world.add_register(document)
    for path in args.announcements:
        with open(path, encoding="utf-8") as file:
            for line in file:
                world.announce(plain(json.loads(line)))
    for pair in args.events:
        carrier, _, path = pair.partition("=")
        carrier = carrier if "/" in carrier else "partners/" + carrier
        world.events[carrier] += read_events(path)
    all_said = []
    for path in args.scorecards:
        with open(path, encoding="utf-8") as file:
            all_said += scorecards_in(json.load(file))
    findings, mine = compare(world, all_said, args.complete)
    for finding in findings:
        print(finding)
    sent = sum(map(len, world.events.values()))
    print(
        f"{len(all_said)} scorecards from {sent} events ({world.refused} of them refused) of "
        f"{mine.parcels} parcels: {len(findings)} differences"
    )
    return 1 if findings or not all_said else 0


if __name__ == "__main__":
    sys.exit(main())
