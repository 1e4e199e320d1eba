#!/usr/bin/env python3
"""Lets check_scorecards.py count the scorecards of a service again that took invented streams:
in random orders, with repeats and broken lines, partly before their parcels were announced, some
of them of numbers that were used again. And sees that it notices forgeries.

    check_scorecards_test.py BIN sqlite|postgresql [EVENTS [SEED]]

PostgreSQL is that of CARAVAN_TEST_POSTGRES, in a schema of its own.
"""
import contextlib
import copy
import csv
import json
import os
import random
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
import check_scorecards as checker

BIN = os.path.abspath(sys.argv[1])
ENGINE = sys.argv[2]
EVENTS = int(sys.argv[3]) if len(sys.argv) > 3 else 6000
SEED = int(sys.argv[4]) if len(sys.argv) > 4 else 1
DIMENSIONS = (
    "PARTNERSHIP", "COURIER", "LINE_HAUL_COMPANY", "LANE", "DESTINATION", "ORIGIN_ZONE", "SELLER",
    "PLATFORM",
)  # fmt: skip
failures = 0


def fail(*text):
    global failures
    failures += 1
    print("FAILED:", *text, file=sys.stderr)


def run(*command, fine=(0,)):
    done = subprocess.run(command, capture_output=True, text=True, errors="replace")
    if done.returncode not in fine:
        fail(" ".join(command), "ended with", done.returncode, done.stdout[-500:], done.stderr[-500:])
        sys.exit(1)
    return done.stdout


def write(path, lines):
    with open(path, "wb") as file:
        file.write(b"".join(lines))


@contextlib.contextmanager
def database(folder):
    """The URL of a store that is empty, and gone afterwards."""
    if ENGINE == "sqlite":
        yield f"sqlite:{folder}/store.db"
        return
    server = os.environ["CARAVAN_TEST_POSTGRES"]
    schema = f"scorecards_{os.getpid()}"
    try:
        yield f"postgresql:schema={schema} {server}"
    finally:
        run("psql", "--quiet", "--dbname", server, "--command", f"DROP SCHEMA IF EXISTS {schema} CASCADE")


class Service:
    """caravan-logistics without a zones service, in a folder of its own."""

    def __init__(self, folder, store):
        ports = os.path.join(folder, "ports.json")
        self.log = open(os.path.join(folder, "log"), "w+", encoding="utf-8")
        # The settings of the tests are not those of a server.
        environment = {k: v for k, v in os.environ.items() if not k.startswith("CARAVAN_")}
        environment["HOME"] = folder
        os.environ.clear()
        os.environ.update(environment)
        access = os.path.join(folder, "access.yaml")
        with open(access, "w", encoding="utf-8") as file:
            file.write(
                "roles: [{name: all, permissions: ['*']}]\n"
                "bindings: [{principal: users/admin, role: all, resource: '*'}]\n"
            )
        self.process = subprocess.Popen(
            [
                f"{BIN}/caravan-logistics", "--listen", "127.0.0.1:0", "--admin-listen",
                "127.0.0.1:0", "--ports-file", ports, "--insecure", "--insecure-principal",
                "users/admin", "--access-policy", access, "--store", store,
                "--peer", f"zones=unix:{folder}/none.sock",
            ],
            stdout=self.log,
            stderr=self.log,
        )  # fmt: skip
        while not os.path.exists(ports) or not os.path.getsize(ports):
            if self.process.poll() is not None:
                self.log.seek(0)
                fail("caravan-logistics did not start:", self.log.read()[-2000:])
                sys.exit(1)
            time.sleep(0.05)
        with open(ports, encoding="utf-8") as file:
            self.address = json.load(file)["listen"][0]

    def caravanctl(self, *arguments, fine=(0,)):
        where = ("--address", self.address, "--insecure")
        return run(f"{BIN}/caravanctl", *arguments, *where, fine=fine)

    def stop(self):
        self.process.terminate()
        self.process.wait()


def use_again(folder):
    """Parcels whose numbers meant others 18 months before, and 14 months before that."""
    events = open(os.path.join(folder, "rhein-paket.jsonl"), "a", encoding="utf-8")
    announcements = open(os.path.join(folder, "announcements.jsonl"), "a", encoding="utf-8")
    with events, announcements:
        for i in range(10):
            number = f"AGAIN{i}"
            for month, announced in (("2022-01", False), ("2023-03", True), ("2024-09", i % 2 == 0)):
                at = lambda day, hour: f"{month}-{day:02}T{hour:02}:00:00Z"
                for day, code in ((9, "EDG"), (11 + i, "EMI")):
                    event = {"trackingNumber": number, "code": code, "eventTime": at(day, i + 6)}
                    print(json.dumps(event | {"receiptTime": at(day, i + 7)}), file=events)
                if not announced:
                    continue
                its = {"carrier": "partners/rhein-paket", "number": number, "beginTime": at(2, i)}
                parcel = {
                    "trackingNumbers": [its],
                    "announceTime": at(2, i + 1),
                    "partnership": "partnerships/silkwing-rhein-paket",
                    "lane": "lanes/hangzhou-de-air",
                }
                print(json.dumps({"parcelId": f"again-{i}-{month}", "parcel": parcel}), file=announcements)


def check_again(service):
    """Each use of a number is the parcel of its time."""
    for when, parcel in (("2023-05-01", "parcels/again-4-2023-03"), ("2024-09-30", "parcels/again-4-2024-09")):
        shown = service.caravanctl(
            "logistics", "track", "rhein-paket", "AGAIN4", "--time", when + "T00:00:00Z"
        )
        if not shown.startswith(parcel + ":"):
            fail("a number that was used again is shown as", shown)
    shown = service.caravanctl("logistics", "track", "rhein-paket", "AGAIN4")
    if not shown.startswith("parcels/again-4-2024-09:"):
        fail("the last parcel of a number is shown as", shown)


def shuffle(folder, seed):
    """Tears the files of events apart: lines in any order, some twice or thrice, in two parts."""
    choose = random.Random(seed)
    parts = ([], [])
    for name in sorted(os.listdir(folder)):
        carrier, extension = os.path.splitext(name)
        if carrier in ("announcements", "late"):
            continue
        with open(os.path.join(folder, name), "rb") as file:
            lines = file.readlines()
        header = [lines.pop(0)] if extension == ".csv" else []
        lines += choose.choices(lines, k=len(lines) // 4) if lines else []
        choose.shuffle(lines)
        half = choose.randrange(len(lines) + 1)
        for part, some in enumerate((lines[:half], lines[half:])):
            path = os.path.join(folder, f"part{part}-{name}")
            write(path, header + some)
            parts[part].append((carrier, path))
    for part in parts:
        choose.shuffle(part)
    return parts


def ask(service, folder, first, last):
    """All scorecards by months, and those of lanes by days and weeks, as files."""
    files = []
    for dimension in DIMENSIONS:
        for period in ("month",) + (("day", "week") if dimension == "LANE" else ()):
            path = os.path.join(folder, f"{dimension}-{period}.json")
            with open(path, "w", encoding="utf-8") as file:
                file.write(
                    service.caravanctl(
                        "logistics", "scorecards", "--by", dimension, "--every", period, "--from",
                        first, "--until", last, "-o", "json",
                    )  # fmt: skip
                )
            files.append(path)
    return files


def check_commands(service, folder, part):
    """An import that is repeated goes on at its end; what is sent again is known."""
    carrier, path = part
    command = ("logistics", "import", path, "--carrier", carrier)
    shown = service.caravanctl(*command, fine=(0, 2))
    if not shown.startswith("0 events are new, 0 corrected others, 0 were known, 0 were refused"):
        fail("an import that was done did something:", shown)
    shown = service.caravanctl(*command, "--again", fine=(0, 2))
    if not shown.startswith("0 events are new, 0 corrected others, ") or " 0 were known" in shown:
        fail("what was sent again was not known:", shown)
    broken = os.path.join(folder, "broken.jsonl")
    good = b'{"trackingNumber": "T%d", "code": "EMI", "eventTime": "2024-09-01T10:00:00Z"}\n'
    write(broken, [b"\xef\xbb\xbf" + good % 1, b"{\r\n", b"\n", b'{"code": "\xff"}\n', good % 2, b"{"])
    errors = os.path.join(folder, "errors.csv")
    command = ("logistics", "import", broken, "--carrier", "rhein-paket", "--errors", errors)
    shown = service.caravanctl(*command, "--batch", "1", fine=(2,))
    if not shown.startswith("2 events are new") or "3 rows cannot be read" not in shown:
        fail("broken lines disturb others:", shown)
    with open(errors, encoding="utf-8", newline="") as file:
        where = [row[1:3] for row in csv.reader(file)][1:]
    if where != [["2", "BAD_JSON"], ["4", "BAD_JSON"], ["6", "BAD_JSON"]]:
        fail("broken lines are told as", where)
    shown = service.caravanctl(
        "logistics", "track", "rhein-paket", "T2", "--time", "2024-09-02T00:00:00Z"
    )
    if "Delivered: 2024-09-01 10:00:00Z" not in shown:
        fail("a parcel is shown as", shown)
    for wrong in (
        ("import", path),
        ("import", folder + "/none.csv", "--carrier", carrier),
        ("scorecard", "--courier", "x"),
        ("scorecard", "--courier", "x", "--lane", "y", "--month", "2024-09"),
        ("scorecard", "--courier", "x", "--month", "September"),
        ("compare", "hangzhou-de-air", "--rate", "luck", "--month", "2024-09"),
        ("weigh",),
    ):
        service.caravanctl("logistics", *wrong, fine=(2,))


def world_of(folder, parts, vocabulary_files, as_of):
    world = checker.World(as_of)
    for path in vocabulary_files:
        for document in checker.read_documents(path):
            world.add_register(document)
    for name in ("announcements", "late"):
        with open(os.path.join(folder, name + ".jsonl"), encoding="utf-8") as file:
            for line in file:
                world.announce(checker.plain(json.loads(line)))
    for part in parts:
        for carrier, path in part:
            world.events["partners/" + carrier] += checker.read_events(path)
    return world


def check_forgeries(world, said):
    """Whatever is changed by one is noticed, and what is left out."""
    honest, mine = checker.compare(world, said, True)
    if honest:
        return
    whole = max(said, key=lambda s: len(json.dumps(s)))
    forged = 0
    for what in checker.COUNTS:
        forgery = copy.deepcopy(whole)
        forgery[what] = str(int(forgery.get(what, 0)) + 1)
        forged += not checker.compare_with(mine, [forgery])
    for rate in range(len(whole["rates"])):
        for field, value in (("numerator", "7777"), ("denominator", "1"), ("value", "0.123456")):
            forgery = copy.deepcopy(whole)
            forgery["rates"][rate][field] = value
            forged += not checker.compare_with(mine, [forgery])
    for leg in range(len(whole["legs"])):
        for field in ("p50Seconds", "p90Seconds", "p95Seconds", "p99Seconds"):
            forgery = copy.deepcopy(whole)
            forgery["legs"][leg][field] = str(int(int(forgery["legs"][leg][field]) * 1.03) + 2)
            forged += not checker.compare_with(mine, [forgery])
    for part in ("rates", "legs"):
        forgery = copy.deepcopy(whole)
        forgery[part].pop()
        forged += not checker.compare_with(mine, [forgery])
    if forged:
        fail(forged, "forgeries were not noticed")
    if not checker.compare(world, said[1:], True)[0]:
        fail("a scorecard that is left out was not noticed")


def main():
    with tempfile.TemporaryDirectory() as folder, database(folder) as store:
        registers = []
        for part in ("registers", "partnerships"):
            path = os.path.join(folder, part + ".yaml")
            with open(path, "w", encoding="utf-8") as file:
                file.write(run(f"{BIN}/logistics-stream", part, "--without-zones"))
            registers.append(path)
        vocabularies = os.path.join(folder, "vocabularies.yaml")
        with open(vocabularies, "w", encoding="utf-8") as file:
            file.write(run(f"{checker.DATA}/tracking_vocabularies"))
        files = os.path.join(folder, "files")
        run(
            f"{BIN}/logistics-stream", "files", files, "--without-zones", "--events", str(EVENTS),
            "--days", "60", "--seed", str(SEED), "--broken", "3",
        )  # fmt: skip
        use_again(files)
        parts = shuffle(files, SEED)
        service = Service(folder, store)
        try:
            service.caravanctl("apply", "-f", vocabularies, "-f", registers[0])
            service.caravanctl("apply", "--load", "-f", registers[1])
            announce = lambda name: service.caravanctl(
                "logistics", "announce", os.path.join(files, name + ".jsonl")
            )
            announce("announcements")
            for part in parts:
                for carrier, path in part:
                    service.caravanctl(
                        "logistics", "import", path, "--carrier", carrier, "--batch", "300", fine=(0, 2)
                    )
                if part is parts[0]:
                    announce("late")
            said_files = ask(service, folder, "2022-12-26", "2025-03-30")
            as_of = time.time_ns() // 1000
            world = world_of(files, parts, registers, as_of)
            said = []
            for path in said_files:
                with open(path, encoding="utf-8") as file:
                    said += checker.scorecards_in(json.load(file))
            findings, mine = checker.compare(world, said, True)
            for finding in findings[:40]:
                fail(finding)
            if len(said) < 200 or mine.parcels < EVENTS / 20:
                fail(f"only {len(said)} scorecards of {mine.parcels} parcels")
            check_forgeries(world, said)
            # One scorecard as people get it, through the program itself.
            one = os.path.join(folder, "one.json")
            with open(one, "w", encoding="utf-8") as file:
                file.write(
                    service.caravanctl(
                        "logistics", "scorecard", "--courier", "rhein-paket", "--month", "2024-09",
                        "-o", "json",
                    )  # fmt: skip
                )
            events = [f"{c}={p}" for part in parts for c, p in part]
            print(
                run(
                    sys.executable, checker.__file__, "--registers", *registers, "--announcements",
                    f"{files}/announcements.jsonl", f"{files}/late.jsonl", "--events", *events,
                    "--scorecards", one,
                ).strip()  # fmt: skip
            )
            check_again(service)
            check_commands(service, folder, max(parts[0], key=lambda p: os.path.getsize(p[1])))
            print(f"{len(said)} scorecards, {mine.parcels} parcels, {len(findings)} differences")
        finally:
            service.stop()
    return failures > 0


if __name__ == "__main__":
    sys.exit(main())
