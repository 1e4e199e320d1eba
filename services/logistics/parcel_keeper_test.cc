#include "services/logistics/parcel_keeper.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/common/api/errors.h"
#include "services/logistics/number_uses.h"
#include "services/logistics/scorecard_book.h"
#include "services/logistics/testing/keeper_world.h"
#include "services/logistics/testing/memory_parcel_store.h"
#include "services/logistics/testing/parcel_stores.h"

namespace caravan::logistics {
namespace {

using ::testing::ElementsAre;
using testing::Event;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::MemoryParcelStore;
using ::testing::SizeIs;
using testing::TextOf;
using ::testing::UnorderedElementsAre;
using testing::UtcTime;
using StatusCode = absl::StatusCode;

constexpr char kLine[] = "partners/line";
constexpr char kPost[] = "partners/post";

enum class Engine { kMemory, kBuckets, kSqlite, kPostgres };

class ParcelKeeperTest : public ::testing::TestWithParam<Engine> {
 protected:
  ParcelKeeperTest() {
    registers_.AddCarrier(kLine);
    registers_.AddCarrier(kPost, "PLACE");
    registers_.AddCarrier("partners/other");
    registers_.AddLane("lanes/de", "DE", "Europe/Berlin");
    registers_.AddLane("lanes/br", "BR", "America/Sao_Paulo");
    registers_.AddPartnership("partnerships/lp", {kLine, kPost, {"lanes/de"}});
    Terms terms;
    absl::LoadTimeZone("Europe/Berlin", &terms.zone);
    terms.commitment = Commitment{.duration = 240};
    registers_.SetTerms("partnerships/lp", terms);
    switch (GetParam()) {
      case Engine::kMemory:
        store_ = std::make_unique<MemoryParcelStore>(1, [this] { return clock_.Now(); });
        break;
      case Engine::kBuckets:
        store_ = std::make_unique<MemoryParcelStore>(7, [this] { return clock_.Now(); });
        break;
      case Engine::kSqlite:
        database_ = TestParcelStore{TestParcelStore::Engine::kSqlite}.Create();
        store_ = database_->OpenOrDie();
        break;
      case Engine::kPostgres: {
        database_ = TestParcelStore{TestParcelStore::Engine::kPostgres}.Create();
        ParcelStoreOptions options;
        options.buckets = 3;
        store_ = database_->OpenOrDie(std::move(options));
        break;
      }
    }
    Open();
  }

  void Open() {
    keeper_.reset();
    ParcelKeeperOptions options = options_;
    options.clock = [this] { return clock_.Now(); };
    options.listener = [this](const KeeperChange& change) { changes_.push_back(change); };
    auto keeper = ParcelKeeper::Open(*store_, registers_, options);
    ASSERT_TRUE(keeper.ok()) << keeper.status();
    keeper_ = *std::move(keeper);
  }

  ParcelKeeper::Ingested Ingest(const std::string& carrier,
                                const std::vector<v1::TrackingEvent>& events) {
    auto answer = testing::Ingest(*keeper_, carrier, events);
    EXPECT_TRUE(answer.ok()) << answer.status();
    return answer.value_or(ParcelKeeper::Ingested());
  }

  static v1::CreateParcelRequest Request(const std::string& id, const std::string& carrier,
                                         const std::string& number) {
    v1::CreateParcelRequest request;
    request.set_parcel_id(id);
    v1::Parcel& parcel = *request.mutable_parcel();
    parcel.set_seller("enterprises/s");
    parcel.set_platform("platforms/p");
    parcel.set_origin_zone("pilotZones/hz");
    parcel.set_partnership("partnerships/lp");
    parcel.set_lane("lanes/de");
    v1::TrackingNumber& its = *parcel.add_tracking_numbers();
    its.set_carrier(carrier);
    its.set_number(number);
    return request;
  }

  absl::StatusOr<v1::Parcel> Create(const v1::CreateParcelRequest& request) {
    const v1::CreateParcelRequest* one = &request;
    auto parcels = keeper_->Announce({&one, 1});
    if (!parcels.ok()) return parcels.status();
    EXPECT_THAT(*parcels, SizeIs(1));
    return parcels->front();
  }

  v1::Parcel LookUp(const std::string& carrier, const std::string& number,
                    absl::Time time = absl::InfiniteFuture()) {
    auto parcel = keeper_->LookUp(carrier, number, time);
    EXPECT_TRUE(parcel.ok()) << parcel.status();
    return parcel.value_or(v1::Parcel());
  }

  absl::StatusOr<v1::Parcel> Link(const std::string& name, const std::string& carrier,
                                  const std::string& number, const std::string& begin = "") {
    v1::LinkTrackingNumberRequest request;
    request.set_name(name);
    request.set_carrier(carrier);
    request.set_tracking_number(number);
    if (!begin.empty()) {
      request.mutable_begin_time()->set_seconds(absl::ToUnixSeconds(UtcTime(begin)));
    }
    return keeper_->LinkTrackingNumber(request);
  }

  int64_t Sum(Dimension dimension, const std::string& value, Measure measure) {
    return testing::SumOf(*keeper_, dimension, value, measure);
  }

  v1::RebuildScorecardsResponse Rebuild(bool mend = false) {
    auto response =
        keeper_->Rebuild(mend, [](const v1::RebuildScorecardsMetadata&) { return true; });
    EXPECT_TRUE(response.ok()) << response.status();
    return response.value_or(v1::RebuildScorecardsResponse());
  }

  std::vector<std::string> Numbers(const v1::Parcel& parcel) {
    std::vector<std::string> numbers;
    for (const auto& number : parcel.tracking_numbers()) {
      numbers.push_back(absl::StrCat(number.carrier(), " ", number.number()));
    }
    return numbers;
  }

  testing::HandClock clock_{UtcTime("2024-06-01T00:00:00")};
  testing::MadeUpRegisters registers_;
  ParcelKeeperOptions options_;
  std::unique_ptr<TestParcelDatabase> database_;
  std::unique_ptr<ParcelStore> store_;
  std::vector<KeeperChange> changes_;
  std::unique_ptr<ParcelKeeper> keeper_;
};

std::string NameOf(const ::testing::TestParamInfo<Engine>& info) {
  switch (info.param) {
    case Engine::kMemory:
      return "Memory";
    case Engine::kBuckets:
      return "Buckets";
    case Engine::kSqlite:
      return "Sqlite";
    case Engine::kPostgres:
      return "Postgres";
  }
  return "";
}

std::vector<Engine> Engines() {
  std::vector<Engine> engines = {Engine::kMemory, Engine::kBuckets};
  for (const TestParcelStore& store : TestParcelStores()) {
    const bool is_sqlite = store.engine == TestParcelStore::Engine::kSqlite;
    engines.push_back(is_sqlite ? Engine::kSqlite : Engine::kPostgres);
  }
  return engines;
}

INSTANTIATE_TEST_SUITE_P(Engines, ParcelKeeperTest, ::testing::ValuesIn(Engines()), NameOf);

TEST_P(ParcelKeeperTest, EventsOpenAParcelAndShowItsCourse) {
  const auto answer = Ingest(kLine, {Event("N1", "PICKED_UP", "2024-05-20T10:00:00Z"),
                                     Event("N1", "DEPARTED_ORIGIN", "2024-05-21T10:00:00Z"),
                                     Event("N1", "whatever", "2024-05-22T10:00:00Z")});
  EXPECT_EQ(answer.counts.added(), 3);
  EXPECT_EQ(answer.counts.opened_parcels(), 1);
  EXPECT_EQ(answer.counts.unknown_codes(), 1);
  EXPECT_EQ(answer.counts.refused(), 0);
  EXPECT_THAT(answer.problems, IsEmpty());

  const v1::Parcel parcel = LookUp(kLine, "N1");
  EXPECT_EQ(parcel.state(), v1::Parcel::UNDER_WAY);
  EXPECT_EQ(parcel.status(), v1::DEPARTED_ORIGIN);
  EXPECT_EQ(parcel.courier(), kLine);
  EXPECT_FALSE(parcel.has_announce_time());
  EXPECT_EQ(parcel.event_count(), 3);
  EXPECT_EQ(parcel.data_faults().unknown_codes(), 1);
  EXPECT_EQ(parcel.hand_over_time().seconds(), absl::ToUnixSeconds(UtcTime("2024-05-20T10:00:00")));
  EXPECT_EQ(keeper_->Get(parcel.name())->name(), parcel.name());
  EXPECT_EQ(Sum(Dimension::kCourier, kLine, Measure::kHandedOver), 1);
  EXPECT_EQ(Sum(Dimension::kCourier, kLine, Measure::kInformation), 3);

  const auto events = keeper_->ListEvents(parcel.name());
  ASSERT_TRUE(events.ok());
  ASSERT_THAT(*events, SizeIs(3));
  EXPECT_EQ((*events)[0].code(), "PICKED_UP");
  EXPECT_EQ((*events)[0].effect(), v1::ParcelEvent::TAKES_PART);
  EXPECT_TRUE((*events)[0].known());
  EXPECT_EQ((*events)[2].status(), v1::UNKNOWN);
  const auto unknown = keeper_->UnknownCodesOf(kLine);
  ASSERT_THAT(unknown, SizeIs(1));
  EXPECT_EQ(unknown[0].code, "whatever");
  EXPECT_EQ(unknown[0].count, 1);
  EXPECT_THAT(keeper_->UnknownCodesOf(kPost), IsEmpty());
}

TEST_P(ParcelKeeperTest, RepeatsChangeNothing) {
  const std::vector<v1::TrackingEvent> events = {Event("N1", "PICKED_UP", "2024-05-20T10:00:00Z"),
                                                 Event("N2", "PICKED_UP", "2024-05-20T10:00:00Z")};
  EXPECT_EQ(Ingest(kLine, events).counts.added(), 2);
  changes_.clear();
  const auto states = *store_->ReadStates();
  Open();
  const auto again = Ingest(kLine, events);
  EXPECT_EQ(again.counts.added(), 0);
  EXPECT_EQ(again.counts.known(), 2);
  EXPECT_EQ(again.counts.opened_parcels(), 0);
  EXPECT_EQ(*store_->ReadStates(), states);
  EXPECT_THAT(changes_, IsEmpty());
  // Another carrier's number of the same text is another number.
  EXPECT_EQ(Ingest("partners/other", events).counts.opened_parcels(), 2);
}

TEST_P(ParcelKeeperTest, CorrectionsReplaceAndWithdraw) {
  auto event = Event("N1", "PICKED_UP", "2024-05-20T10:00:00Z");
  event.set_event_id("e1");
  Ingest(kLine, {event});
  event.set_correction(1);
  event.set_event_time("2024-05-21T10:00:00Z");
  EXPECT_EQ(Ingest(kLine, {event}).counts.corrected(), 1);
  EXPECT_EQ(LookUp(kLine, "N1").hand_over_time().seconds(),
            absl::ToUnixSeconds(UtcTime("2024-05-21T10:00:00")));
  event.set_correction(2);
  event.set_withdrawn(true);
  EXPECT_EQ(Ingest(kLine, {event}).counts.corrected(), 1);
  const v1::Parcel parcel = LookUp(kLine, "N1");
  EXPECT_EQ(parcel.state(), v1::Parcel::ANNOUNCED);
  EXPECT_EQ(parcel.event_count(), 1);
  EXPECT_EQ(keeper_->ListEvents(parcel.name())->front().effect(), v1::ParcelEvent::WITHDRAWN);
  EXPECT_EQ(Sum(Dimension::kCourier, kLine, Measure::kHandedOver), 0);
}

TEST_P(ParcelKeeperTest, WhatIsWrongIsRefusedByItself) {
  std::vector<v1::TrackingEvent> events;
  const auto add = [&](v1::TrackingEvent event) { events.push_back(std::move(event)); };
  const std::string time = "2024-05-20T10:00:00Z";
  add(Event("N1", "PICKED_UP", time));
  add(Event("", "PICKED_UP", time));
  add(Event("with blank", "PICKED_UP", time));
  add(Event(std::string(65, 'N'), "PICKED_UP", time));
  add(Event("N\xc3\xa9", "PICKED_UP", time));
  add(Event("N1", "", time));
  add(Event("N1", std::string(101, 'c'), time));
  add(Event("N1", "PICKED_UP", "yesterday"));
  add(Event("N1", "PICKED_UP", "2024-06-02T00:00:01Z"));
  add(Event("N1", "PICKED_UP", time));
  events.back().set_place(std::string(101, 'p'));
  add(Event("N1", "PICKED_UP", time));
  events.back().set_event_id(std::string(101, 'i'));
  add(Event("N1", "PICKED_UP", time));
  events.back().set_place_time_zone("Mars/Phobos");
  add(Event("N1", "DEPARTED_ORIGIN", "2024-06-02T00:00:00Z"));
  const auto answer = Ingest(kLine, events);
  EXPECT_EQ(answer.counts.added(), 2);
  EXPECT_EQ(answer.counts.refused(), 11);
  std::vector<std::string> problems;
  for (const auto& problem : answer.problems) {
    problems.push_back(
        absl::StrCat(problem.index(), " ", problem.reason(), " ", problem.message()));
  }
  const std::string number = " is not 1 to 64 visible ASCII characters";
  EXPECT_THAT(
      problems,
      ElementsAre(
          "1 INVALID_TRACKING_NUMBER tracking_number: ''" + number,
          "2 INVALID_TRACKING_NUMBER tracking_number: 'with blank'" + number,
          HasSubstr("3 INVALID_TRACKING_NUMBER tracking_number: 'NNN"),
          HasSubstr("4 INVALID_TRACKING_NUMBER tracking_number: 'N"),
          "5 INVALID_CODE code: is empty; it would be the carrier's, of 1 to 100 bytes",
          "6 INVALID_CODE code: has 101 bytes; it would have 100 at the most",
          "7 INVALID_EVENT_TIME 'yesterday' is no time of the years 2000 to 2199 such as "
          "2024-08-02T10:15:00+08:00",
          "8 EVENT_TOO_FAR_AHEAD event_time: '2024-06-02T00:00:01Z' is more than 24 hours ahead "
          "of 2024-06-01T00:00:00Z",
          "9 INVALID_PLACE place: has 101 bytes; it would have 100 at the most",
          "10 INVALID_EVENT_ID event_id: has 101 bytes; it would have 100 at the most",
          "11 INVALID_PLACE place_time_zone: 'Mars/Phobos' is no time zone such as "
          "America/Sao_Paulo"));
}

TEST_P(ParcelKeeperTest, OnlyTheFirstThousandProblemsAreTold) {
  std::vector<v1::TrackingEvent> events(1500, Event("N1", "", "2024-05-20T10:00:00Z"));
  const auto answer = Ingest(kLine, events);
  EXPECT_EQ(answer.counts.refused(), 1500);
  ASSERT_THAT(answer.problems, SizeIs(1000));
  EXPECT_EQ(answer.problems.back().index(), 999);
}

TEST_P(ParcelKeeperTest, AParcelTakesAThousandEvents) {
  std::vector<v1::TrackingEvent> events;
  for (int i = 0; i < 10'000; ++i) {
    events.push_back(Event("N1", "IN_TRANSIT",
                           TextOf(UtcTime("2024-05-20T10:00:00") + absl::Seconds(i % 9'000))));
    events.back().set_event_id(absl::StrCat(i % 9'000));
  }
  const auto answer = Ingest(kLine, events);
  EXPECT_EQ(answer.counts.added(), 1000);
  EXPECT_EQ(answer.counts.known(), 1000);
  EXPECT_EQ(answer.counts.refused(), 8000);
  ASSERT_THAT(answer.problems, SizeIs(1000));
  EXPECT_EQ(answer.problems[0].index(), 1000);
  EXPECT_EQ(answer.problems[0].reason(), "TOO_MANY_EVENTS");
  EXPECT_EQ(answer.problems[0].message(),
            "tracking_number: the parcel of 'N1' has 1000 events, and takes no more");
  EXPECT_EQ(answer.problems.back().index(), 1999);
  EXPECT_EQ(LookUp(kLine, "N1").event_count(), 1000);
}

TEST_P(ParcelKeeperTest, TimesWithoutAnOffsetAreThoseOfThePlaceOrTheDestination) {
  auto answer = Ingest(kPost, {Event("P1", "PICKED_UP", "2024-05-20T10:00:00")});
  ASSERT_THAT(answer.problems, SizeIs(1));
  EXPECT_EQ(answer.problems[0].reason(), "EVENT_TIME_WITHOUT_ZONE");
  EXPECT_EQ(answer.problems[0].index(), 0);
  EXPECT_EQ(keeper_->LookUp(kPost, "P1", absl::InfiniteFuture()).status().code(),
            StatusCode::kNotFound);
  ASSERT_TRUE(Create(Request("p1", kPost, "P1")).ok());
  auto placed = Event("P1", "DEPARTED_ORIGIN", "2024-05-20T20:00:00");
  placed.set_place_time_zone("Asia/Shanghai");
  answer = Ingest(kPost, {Event("P1", "PICKED_UP", "2024-05-20T10:00:00"), placed,
                          Event("P1", "ARRIVED_DESTINATION", "2024-05-22T10:00:00-01:00")});
  EXPECT_EQ(answer.counts.added(), 3) << answer.problems.size();
  const v1::Parcel parcel = LookUp(kPost, "P1");
  EXPECT_EQ(parcel.name(), "parcels/p1");
  EXPECT_EQ(TextOf(absl::FromUnixSeconds(parcel.hand_over_time().seconds())),
            "2024-05-20T08:00:00Z");
  EXPECT_EQ(TextOf(absl::FromUnixSeconds(parcel.departure_time().seconds())),
            "2024-05-20T12:00:00Z");
  EXPECT_EQ(TextOf(absl::FromUnixSeconds(parcel.arrival_time().seconds())), "2024-05-22T11:00:00Z");
}

TEST_P(ParcelKeeperTest, TheReceiptIsNowOrEarlier) {
  auto early = Event("N1", "PICKED_UP", "2024-05-20T10:00:00Z");
  early.mutable_receipt_time()->set_seconds(absl::ToUnixSeconds(UtcTime("2024-05-20T11:00:00")));
  auto late = Event("N1", "DEPARTED_ORIGIN", "2024-05-21T10:00:00Z");
  late.mutable_receipt_time()->set_seconds(absl::ToUnixSeconds(UtcTime("2025-01-01T00:00:00")));
  Ingest(kLine, {early, late});
  const auto events = *keeper_->ListEvents(LookUp(kLine, "N1").name());
  EXPECT_EQ(events[0].receipt_time().seconds(),
            absl::ToUnixSeconds(UtcTime("2024-05-20T11:00:00")));
  EXPECT_EQ(events[1].receipt_time().seconds(),
            absl::ToUnixSeconds(UtcTime("2024-06-01T00:00:00")));
}

TEST_P(ParcelKeeperTest, AnUnknownCarrierIsTheBatchsError) {
  const auto answer = testing::Ingest(*keeper_, "partners/nobody",
                                      {Event("N1", "PICKED_UP", "2024-05-20T10:00:00Z")});
  EXPECT_EQ(answer.status().code(), StatusCode::kNotFound);
  EXPECT_EQ(api::ReasonOf(answer.status()), "RESOURCE_NOT_FOUND");
}

TEST_P(ParcelKeeperTest, CursorsGoForward) {
  EXPECT_EQ(*keeper_->GetCursor(kLine, "file"), 0);
  ASSERT_TRUE(testing::Ingest(*keeper_, kLine, {Event("N1", "PICKED_UP", "2024-05-20T10:00:00Z")},
                              "file", 7)
                  .ok());
  EXPECT_EQ(*keeper_->GetCursor(kLine, "file"), 7);
  ASSERT_TRUE(testing::Ingest(*keeper_, kLine, {}, "file", 5).ok());
  EXPECT_EQ(*keeper_->GetCursor(kLine, "file"), 7);
  EXPECT_EQ(*keeper_->GetCursor(kPost, "file"), 0);
  Open();
  ASSERT_TRUE(testing::Ingest(*keeper_, kLine, {}, "file", 9).ok());
  EXPECT_EQ(*keeper_->GetCursor(kLine, "file"), 9);
}

TEST_P(ParcelKeeperTest, ANumberThatWasSilentForTwelveMonthsOpensAParcel) {
  Ingest(kLine, {Event("N1", "PICKED_UP", "2022-05-20T10:00:00Z"),
                 Event("N1", "IN_TRANSIT", "2022-06-01T10:00:00Z")});
  const std::string first = LookUp(kLine, "N1", UtcTime("2022-05-20T10:00:00")).name();
  Open();
  // A microsecond less, and more, than 365 days behind the last.
  auto answer = Ingest(kLine, {Event("N1", "DELIVERED", "2023-06-01T10:00:00.000001Z")});
  EXPECT_EQ(answer.counts.opened_parcels(), 1);
  answer = Ingest(kLine, {Event("N1", "IN_TRANSIT", "2023-06-01T10:00:00Z")});
  EXPECT_EQ(answer.counts.opened_parcels(), 0);
  EXPECT_EQ(LookUp(kLine, "N1", UtcTime("2022-12-01T00:00:00")).name(), first);
  EXPECT_EQ(LookUp(kLine, "N1", UtcTime("2022-12-01T00:00:00")).event_count(), 3);
  const v1::Parcel second = LookUp(kLine, "N1", UtcTime("2023-07-01T00:00:00"));
  EXPECT_NE(second.name(), first);
  EXPECT_EQ(second.event_count(), 1);
  EXPECT_EQ(keeper_->LookUp(kLine, "N1", UtcTime("2020-01-01T00:00:00")).status().code(),
            StatusCode::kNotFound);
  // Events of two years in one batch, in any order.
  answer = Ingest(kLine, {Event("N9", "DELIVERED", "2024-05-01T10:00:00Z"),
                          Event("N9", "PICKED_UP", "2021-01-01T10:00:00Z"),
                          Event("N9", "PICKED_UP", "2024-04-01T10:00:00Z"),
                          Event("N9", "DELIVERED", "2021-02-01T10:00:00Z")});
  EXPECT_EQ(answer.counts.opened_parcels(), 2);
  EXPECT_EQ(LookUp(kLine, "N9").event_count(), 2);
}

TEST_P(ParcelKeeperTest, AnnouncedParcelsGetTheirEventsAndTerms) {
  const auto created = Create(Request("p1", kLine, "N1"));
  ASSERT_TRUE(created.ok()) << created.status();
  EXPECT_EQ(created->name(), "parcels/p1");
  EXPECT_EQ(created->state(), v1::Parcel::ANNOUNCED);
  EXPECT_EQ(created->line_haul_company(), kLine);
  EXPECT_EQ(created->courier(), kPost);
  EXPECT_EQ(created->destination_country(), "DE");
  EXPECT_TRUE(created->has_announce_time());
  const auto answer = Ingest(kLine, {Event("N1", "PICKED_UP", "2024-05-31T10:00:00Z")});
  EXPECT_EQ(answer.counts.opened_parcels(), 0);
  const v1::Parcel parcel = *keeper_->Get("parcels/p1");
  EXPECT_EQ(parcel.state(), v1::Parcel::UNDER_WAY);
  EXPECT_EQ(parcel.deadline_time().seconds(), absl::ToUnixSeconds(UtcTime("2024-06-10T10:00:00")));
  for (const auto& [dimension, value] : std::vector<std::pair<Dimension, std::string>>{
           {Dimension::kPartnership, "partnerships/lp"},
           {Dimension::kCourier, kPost},
           {Dimension::kLineHaulCompany, kLine},
           {Dimension::kLane, "lanes/de"},
           {Dimension::kDestination, "countries/DE"},
           {Dimension::kOriginZone, "pilotZones/hz"},
           {Dimension::kSeller, "enterprises/s"},
           {Dimension::kPlatform, "platforms/p"},
           {Dimension::kLaneAndCourier, "lanes/de partners/post"}}) {
    EXPECT_EQ(Sum(dimension, value, Measure::kHandedOver), 1)
        << caravan::logistics::NameOf(dimension);
  }
}

TEST_P(ParcelKeeperTest, AnnouncingAgainIsAnsweredWhereItIsTheSame) {
  ASSERT_TRUE(Create(Request("p1", kLine, "N1")).ok());
  const auto states = *store_->ReadStates();
  ASSERT_TRUE(Create(Request("p1", kLine, "N1")).ok());
  EXPECT_EQ(*store_->ReadStates(), states);
  auto other = Request("p1", kLine, "N1");
  other.mutable_parcel()->set_seller("enterprises/t");
  EXPECT_EQ(api::ReasonOf(Create(other).status()), "PARCEL_EXISTS");
  EXPECT_EQ(Create(other).status().code(), StatusCode::kAlreadyExists);
  const auto taken = Create(Request("p2", kLine, "N1"));
  EXPECT_EQ(taken.status().code(), StatusCode::kAlreadyExists);
  EXPECT_EQ(api::ReasonOf(taken.status()), "TRACKING_NUMBER_IN_USE");
  EXPECT_EQ(api::ReasonOf(Create(Request("", kLine, "N1")).status()), "TRACKING_NUMBER_IN_USE");
}

TEST_P(ParcelKeeperTest, AnAnnouncementClaimsTheParcelThatEventsHaveOpened) {
  Ingest(kLine, {Event("N1", "PICKED_UP", "2024-05-31T10:00:00Z")});
  const std::string name = LookUp(kLine, "N1").name();
  const auto created = Create(Request("p1", kLine, "N1"));
  ASSERT_TRUE(created.ok()) << created.status();
  EXPECT_EQ(created->name(), name);
  EXPECT_EQ(created->state(), v1::Parcel::UNDER_WAY);
  EXPECT_EQ(keeper_->Get("parcels/p1")->name(), name);
  EXPECT_EQ(Create(Request("p1", kLine, "N1"))->name(), name);
  EXPECT_EQ(Sum(Dimension::kCourier, kLine, Measure::kHandedOver), 0);
  EXPECT_EQ(Sum(Dimension::kCourier, kPost, Measure::kHandedOver), 1);
  EXPECT_EQ(Rebuild().differing(), 0);
}

TEST_P(ParcelKeeperTest, AnAnnouncementOfTwoNumbersMergesTheirParcels) {
  Ingest(kLine, {Event("N1", "PICKED_UP", "2024-05-20T10:00:00Z")});
  Ingest("partners/other", {Event("M1", "PICKED_UP", "2024-05-21T10:00:00Z"),
                            Event("M1", "DELIVERED", "2024-05-28T10:00:00Z")});
  const std::string other = LookUp("partners/other", "M1").name();
  auto request = Request("", kLine, "N1");
  request.mutable_parcel()->clear_partnership();
  auto& number = *request.mutable_parcel()->add_tracking_numbers();
  number.set_carrier("partners/other");
  number.set_number("M1");
  const auto created = Create(request);
  ASSERT_TRUE(created.ok()) << created.status();
  EXPECT_EQ(created->event_count(), 3);
  EXPECT_EQ(created->state(), v1::Parcel::DELIVERED);
  EXPECT_EQ(created->courier(), "partners/other");
  EXPECT_EQ(keeper_->Get(other)->name(), created->name());
  EXPECT_EQ(Sum(Dimension::kSeller, "enterprises/s", Measure::kHandedOver), 1);
  EXPECT_EQ(Sum(Dimension::kCourier, "partners/other", Measure::kHandedOver), 1);
  EXPECT_EQ(Rebuild().differing(), 0);
}

TEST_P(ParcelKeeperTest, WhatIsAnnouncedIsCheckedWhole) {
  auto lane = Request("a", kLine, "A");
  lane.mutable_parcel()->set_lane("lanes/br");
  EXPECT_EQ(api::ReasonOf(Create(lane).status()), "LANE_NOT_IN_PARTNERSHIP");
  auto carrier = Request("a", "partners/other", "A");
  EXPECT_EQ(api::ReasonOf(Create(carrier).status()), "CARRIER_NOT_IN_PARTNERSHIP");
  auto gone = Request("a", kLine, "A");
  gone.mutable_parcel()->set_partnership("partnerships/gone");
  EXPECT_EQ(api::ReasonOf(Create(gone).status()), "REFERENCE_NOT_FOUND");
  EXPECT_THAT(api::FieldsOf(Create(gone).status()), ElementsAre("parcel.partnership"));
  auto twice = Request("a", kLine, "A");
  *twice.mutable_parcel()->add_tracking_numbers() = twice.parcel().tracking_numbers(0);
  EXPECT_EQ(api::ReasonOf(Create(twice).status()), "INVALID_FIELDS");
  auto none = Request("a", kLine, "A");
  none.mutable_parcel()->clear_tracking_numbers();
  EXPECT_EQ(api::ReasonOf(Create(none).status()), "INVALID_FIELDS");
  registers_.AddPartnership("partnerships/lp", {kLine, kPost, {"lanes/de"}, false});
  EXPECT_EQ(api::ReasonOf(Create(Request("a", kLine, "A")).status()), "PARTNERSHIP_NOT_OPEN");
  registers_.AddPartnership("partnerships/lp", {kLine, kPost, {"lanes/de"}, true});

  // Where one is wrong, none is announced.
  const auto good = Request("good", kLine, "G");
  const std::vector<const v1::CreateParcelRequest*> requests = {&good, &lane};
  const auto answer = keeper_->Announce(requests);
  EXPECT_EQ(api::ReasonOf(answer.status()), "LANE_NOT_IN_PARTNERSHIP");
  EXPECT_THAT(api::FieldsOf(answer.status()), ElementsAre("requests[1].parcel.lane"));
  EXPECT_EQ(keeper_->Get("parcels/good").status().code(), StatusCode::kNotFound);
  const std::vector<const v1::CreateParcelRequest*> same = {&good, &good};
  EXPECT_EQ(api::ReasonOf(keeper_->Announce(same).status()), "TRACKING_NUMBER_IN_USE");
  auto check = good;
  check.set_validate_only(true);
  const auto checked = Create(check);
  ASSERT_TRUE(checked.ok());
  EXPECT_EQ(checked->courier(), kPost);
  EXPECT_EQ(keeper_->Get("parcels/good").status().code(), StatusCode::kNotFound);
}

TEST_P(ParcelKeeperTest, ABatchIsAnnouncedInItsOrder) {
  std::vector<v1::CreateParcelRequest> requests;
  std::vector<const v1::CreateParcelRequest*> pointers;
  for (int i = 0; i < 300; ++i) {
    requests.push_back(
        Request(i % 2 == 0 ? absl::StrCat("p", i) : "", kLine, absl::StrCat("N", i)));
  }
  for (const auto& request : requests) pointers.push_back(&request);
  const auto parcels = keeper_->Announce(pointers);
  ASSERT_TRUE(parcels.ok()) << parcels.status();
  ASSERT_THAT(*parcels, SizeIs(300));
  for (int i = 0; i < 300; ++i) {
    EXPECT_THAT(Numbers((*parcels)[static_cast<size_t>(i)]),
                ElementsAre(absl::StrCat(kLine, " N", i)));
  }
  std::vector<std::string> names;
  for (const auto& parcel : *parcels) names.push_back(parcel.name());
  EXPECT_THAT(*keeper_->BatchGet(names), SizeIs(300));
  names.push_back("parcels/nobody");
  EXPECT_EQ(keeper_->BatchGet(names).status().code(), StatusCode::kNotFound);

  // All are found by pages, once each.
  std::vector<std::string> found;
  std::optional<ParcelKeeper::Position> position = ParcelKeeper::Position();
  while (position) {
    auto next = keeper_->Scan(*position, 70, [&](const v1::Parcel& parcel) {
      found.push_back(parcel.name());
      return found.size() % 50 != 0;
    });
    ASSERT_TRUE(next.ok());
    position = *next;
  }
  names.pop_back();
  EXPECT_THAT(found, ::testing::UnorderedElementsAreArray(names));
}

TEST_P(ParcelKeeperTest, ABeginTellsWhatCameBefore) {
  auto request = Request("p1", kLine, "N1");
  request.mutable_parcel()->mutable_tracking_numbers(0)->mutable_begin_time()->set_seconds(
      absl::ToUnixSeconds(UtcTime("2024-05-20T00:00:00")));
  ASSERT_TRUE(Create(request).ok());
  Ingest(kLine, {Event("N1", "DELIVERED", "2024-05-19T10:00:00Z"),
                 Event("N1", "PICKED_UP", "2024-05-20T10:00:00Z")});
  const v1::Parcel parcel = *keeper_->Get("parcels/p1");
  EXPECT_EQ(parcel.event_count(), 2);
  EXPECT_EQ(parcel.state(), v1::Parcel::UNDER_WAY);
  EXPECT_EQ(parcel.data_faults().before_parcel(), 1);
  EXPECT_EQ(keeper_->ListEvents("parcels/p1")->front().effect(), v1::ParcelEvent::BEFORE_PARCEL);
}

// What is announced and linked today of two uses of a number, and its events, in an order.
TEST_P(ParcelKeeperTest, WhatIsToldOfDaysGoneByCountsAsOfThen) {
  const auto request = [](const std::string& id, const std::string& number,
                          const std::string& announced, const std::string& begin) {
    auto request = Request(id, kLine, number);
    v1::Parcel& parcel = *request.mutable_parcel();
    parcel.mutable_announce_time()->set_seconds(absl::ToUnixSeconds(UtcTime(announced)));
    if (!begin.empty()) {
      parcel.mutable_tracking_numbers(0)->mutable_begin_time()->set_seconds(
          absl::ToUnixSeconds(UtcTime(begin)));
    }
    return request;
  };
  const auto announce = [&](const std::string& n, bool old, bool begins) {
    return old ? Create(request("old" + n, "N" + n, "2023-01-03T00:00:00",
                                begins ? "2023-01-02T00:00:00" : ""))
               : Create(request("new" + n, "N" + n, "2024-03-03T00:00:00",
                                begins ? "2024-03-02T00:00:00" : ""));
  };
  const auto link = [&](const std::string& n, bool old) {
    return old ? Link("parcels/old" + n, kPost, "P" + n, "2023-01-20T00:00:00")
               : Link("parcels/new" + n, kPost, "P" + n, "2024-03-20T00:00:00");
  };
  const auto tell = [&](const std::string& n, bool old) {
    const std::string month = old ? "2023-01" : "2024-03";
    Ingest(kLine, {Event("N" + n, "PICKED_UP", month + "-05T10:00:00Z")});
    Ingest(kPost, {Event("P" + n, "DELIVERED", month + "-25T10:00:00Z")});
  };
  int n = 0;
  for (const bool begins : {false, true}) {
    for (const bool old_first : {false, true}) {
      for (const bool events_first : {false, true}) {
        const std::string its = absl::StrCat(n++);
        SCOPED_TRACE(its);
        for (const bool old : {old_first, !old_first}) {
          if (events_first) tell(its, old);
        }
        for (const bool old : {old_first, !old_first}) {
          const auto announced = announce(its, old, begins);
          ASSERT_TRUE(announced.ok()) << announced.status();
          const auto linked = link(its, old);
          ASSERT_TRUE(linked.ok()) << linked.status();
        }
        for (const bool old : {old_first, !old_first}) {
          if (!events_first) tell(its, old);
        }
        for (const bool old : {true, false}) {
          const auto parcel = keeper_->Get(absl::StrCat("parcels/", old ? "old" : "new", its));
          ASSERT_TRUE(parcel.ok()) << parcel.status();
          EXPECT_EQ(parcel->event_count(), 2);
          EXPECT_EQ(parcel->state(), v1::Parcel::DELIVERED);
          EXPECT_EQ(
              parcel->announce_time().seconds(),
              absl::ToUnixSeconds(UtcTime(old ? "2023-01-03T00:00:00" : "2024-03-03T00:00:00")));
          const absl::Time then = UtcTime(old ? "2023-02-01T00:00:00" : "2024-04-01T00:00:00");
          EXPECT_EQ(LookUp(kLine, "N" + its, then).name(), parcel->name());
          EXPECT_EQ(LookUp(kPost, "P" + its, then).name(), parcel->name());
          // Once more is the same.
          EXPECT_EQ(announce(its, old, begins)->name(), parcel->name());
          EXPECT_EQ(link(its, old)->name(), parcel->name());
        }
        EXPECT_EQ(LookUp(kLine, "N" + its).name(), keeper_->Get("parcels/new" + its)->name());
      }
    }
  }
  EXPECT_EQ(Sum(Dimension::kCourier, kPost, Measure::kDelivered), 2 * n);
  EXPECT_EQ(Sum(Dimension::kSeller, "enterprises/s", Measure::kDelivered), 2 * n);
  EXPECT_EQ(Rebuild().differing(), 0);
}

TEST_P(ParcelKeeperTest, WhenItWasAnnouncedIsCheckedAndPartOfIt) {
  auto request = Request("p1", kLine, "N1");
  google::protobuf::Timestamp& time = *request.mutable_parcel()->mutable_announce_time();
  time.set_seconds(absl::ToUnixSeconds(clock_.Now()) + 1);
  const auto early = Create(request);
  EXPECT_EQ(early.status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(api::ReasonOf(early.status()), "INVALID_FIELDS");
  EXPECT_THAT(early.status().message(), HasSubstr("parcel.announce_time"));
  time.set_seconds(absl::ToUnixSeconds(clock_.Now()));
  ASSERT_TRUE(Create(request).ok());
  clock_.Advance(absl::Hours(1));
  ASSERT_TRUE(Create(request).ok());
  time.set_seconds(time.seconds() - 1);
  EXPECT_EQ(api::ReasonOf(Create(request).status()), "PARCEL_EXISTS");
  // Who does not say when leaves it as it is.
  const int64_t announced = time.seconds() + 1;
  request.mutable_parcel()->clear_announce_time();
  EXPECT_EQ(Create(request)->announce_time().seconds(), announced);
}

TEST_P(ParcelKeeperTest, UpdatingMovesAParcelBetweenScorecards) {
  ASSERT_TRUE(Create(Request("p1", kLine, "N1")).ok());
  Ingest(kLine, {Event("N1", "PICKED_UP", "2024-05-31T10:00:00Z")});
  v1::Parcel parcel;
  parcel.set_name("parcels/p1");
  parcel.set_seller("enterprises/t");
  const std::vector<std::string> paths = {"seller", "platform"};
  auto updated = keeper_->Update(parcel, paths, true);
  ASSERT_TRUE(updated.ok());
  EXPECT_EQ(updated->seller(), "enterprises/t");
  EXPECT_EQ(keeper_->Get("parcels/p1")->seller(), "enterprises/s");
  updated = keeper_->Update(parcel, paths, false);
  ASSERT_TRUE(updated.ok());
  EXPECT_EQ(updated->seller(), "enterprises/t");
  EXPECT_EQ(updated->platform(), "");
  EXPECT_EQ(updated->lane(), "lanes/de");
  EXPECT_EQ(Sum(Dimension::kSeller, "enterprises/s", Measure::kHandedOver), 0);
  EXPECT_EQ(Sum(Dimension::kSeller, "enterprises/t", Measure::kHandedOver), 1);
  EXPECT_EQ(Sum(Dimension::kPlatform, "platforms/p", Measure::kHandedOver), 0);
  parcel.set_lane("lanes/br");
  EXPECT_EQ(api::ReasonOf(keeper_->Update(parcel, {"lane"}, false).status()),
            "LANE_NOT_IN_PARTNERSHIP");
  parcel.set_name("parcels/nobody");
  EXPECT_EQ(keeper_->Update(parcel, {"seller"}, false).status().code(), StatusCode::kNotFound);
  EXPECT_EQ(Rebuild().differing(), 0);
}

TEST_P(ParcelKeeperTest, ALinkBeforeItsEventsJoinsThem) {
  ASSERT_TRUE(Create(Request("p1", kLine, "N1")).ok());
  const auto linked = Link("parcels/p1", kPost, "P1", "2024-05-30T00:00:00");
  ASSERT_TRUE(linked.ok()) << linked.status();
  EXPECT_THAT(Numbers(*linked), ElementsAre("partners/line N1", "partners/post P1"));
  EXPECT_EQ(Ingest(kPost, {Event("P1", "ARRIVED_DELIVERY_HUB", "2024-05-31T10:00:00Z")})
                .counts.opened_parcels(),
            0);
  EXPECT_EQ(keeper_->Get("parcels/p1")->event_count(), 1);
  const auto states = *store_->ReadStates();
  ASSERT_TRUE(Link("parcels/p1", kPost, "P1").ok());
  EXPECT_EQ(*store_->ReadStates(), states);
  EXPECT_EQ(api::ReasonOf(Link("parcels/p1", "partners/other", "M1").status()),
            "CARRIER_NOT_IN_PARTNERSHIP");
  EXPECT_EQ(Link("parcels/nobody", kPost, "P2").status().code(), StatusCode::kNotFound);
}

TEST_P(ParcelKeeperTest, ALinkBehindItsEventsMergesTheirParcel) {
  ASSERT_TRUE(Create(Request("p1", kLine, "N1")).ok());
  Ingest(kLine, {Event("N1", "PICKED_UP", "2024-05-25T10:00:00Z")});
  Ingest(kPost, {Event("P1", "ARRIVED_DELIVERY_HUB", "2024-05-30T10:00:00Z"),
                 Event("P1", "DELIVERED", "2024-05-31T10:00:00Z")});
  const std::string other = LookUp(kPost, "P1").name();
  EXPECT_NE(other, "parcels/p1");
  v1::LinkTrackingNumberRequest check;
  check.set_name("parcels/p1");
  check.set_carrier(kPost);
  check.set_tracking_number("P1");
  check.set_validate_only(true);
  EXPECT_THAT(Numbers(*keeper_->LinkTrackingNumber(check)), SizeIs(2));
  EXPECT_EQ(LookUp(kPost, "P1").name(), other);

  const auto linked = Link("parcels/p1", kPost, "P1");
  ASSERT_TRUE(linked.ok()) << linked.status();
  EXPECT_EQ(linked->event_count(), 3);
  EXPECT_EQ(linked->state(), v1::Parcel::DELIVERED);
  ASSERT_THAT(Numbers(*linked), ElementsAre("partners/line N1", "partners/post P1"));
  EXPECT_EQ(linked->tracking_numbers(1).begin_time().seconds(),
            absl::ToUnixSeconds(UtcTime("2024-05-30T10:00:00")));
  EXPECT_EQ(keeper_->Get(other)->name(), "parcels/p1");
  EXPECT_EQ(keeper_->BatchGet({other, "parcels/p1"})->front().name(), "parcels/p1");
  EXPECT_THAT(*keeper_->ListEvents(other), SizeIs(3));
  EXPECT_EQ(LookUp(kPost, "P1").name(), "parcels/p1");
  EXPECT_EQ(Ingest(kPost, {Event("P1", "DAMAGED", "2024-05-31T11:00:00Z")}).counts.added(), 1);
  EXPECT_TRUE(keeper_->Get("parcels/p1")->damaged());
  EXPECT_EQ(Sum(Dimension::kCourier, kPost, Measure::kDelivered), 1);
  EXPECT_EQ(Sum(Dimension::kPartnership, "partnerships/lp", Measure::kDelivered), 1);
  EXPECT_EQ(Rebuild().differing(), 0);
  // The one that was merged is no parcel of its own.
  int parcels = 0;
  ASSERT_TRUE(keeper_->Scan({}, 100, [&](const v1::Parcel&) { return ++parcels > 0; }).ok());
  EXPECT_EQ(parcels, 1);
}

TEST_P(ParcelKeeperTest, AnotherAnnouncedParcelsNumberIsNotLinked) {
  ASSERT_TRUE(Create(Request("p1", kLine, "N1")).ok());
  ASSERT_TRUE(Create(Request("p2", kPost, "P2")).ok());
  const auto linked = Link("parcels/p1", kPost, "P2");
  EXPECT_EQ(linked.status().code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(api::ReasonOf(linked.status()), "TRACKING_NUMBER_IN_USE");
  for (int i = 0; i < 19; ++i) {
    ASSERT_TRUE(Link("parcels/p1", kPost, absl::StrCat("Q", i)).ok());
  }
  EXPECT_EQ(api::ReasonOf(Link("parcels/p1", kPost, "Q19").status()), "TOO_MANY_TRACKING_NUMBERS");
}

// Those that wait together share commits: each gets its own answer.
TEST_P(ParcelKeeperTest, LinksAtOnceAreAnsweredEachByItself) {
  constexpr size_t kParcels = 40;
  for (size_t i = 0; i < kParcels; ++i) {
    ASSERT_TRUE(Create(Request(absl::StrCat("p", i), kLine, absl::StrCat("N", i))).ok());
    // Some have events before, and are merged.
    if (i % 5 == 0) {
      Ingest(kPost, {Event(absl::StrCat("P", i), "DELIVERED", "2024-05-31T10:00:00Z")});
    }
  }
  std::vector<std::thread> callers;
  std::vector<absl::Status> linked(kParcels), again(kParcels), taken(kParcels);
  std::atomic<size_t> next = 0;
  for (int caller = 0; caller < 8; ++caller) {
    callers.emplace_back([&] {
      for (size_t i = next++; i < kParcels; i = next++) {
        const std::string name = absl::StrCat("parcels/p", i);
        linked[i] = Link(name, kPost, absl::StrCat("P", i)).status();
        again[i] = Link(name, kPost, absl::StrCat("P", i)).status();
        // All want this one.
        taken[i] = Link(name, kPost, "Q").status();
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  const auto well = [](const std::vector<absl::Status>& all) {
    return std::count(all.begin(), all.end(), absl::OkStatus());
  };
  EXPECT_EQ(well(linked), int64_t{kParcels});
  EXPECT_EQ(well(again), int64_t{kParcels});
  EXPECT_EQ(well(taken), 1);
  for (size_t i = 0; i < kParcels; ++i) {
    EXPECT_EQ(LookUp(kPost, absl::StrCat("P", i)).name(), absl::StrCat("parcels/p", i));
    EXPECT_EQ(keeper_->Get(absl::StrCat("parcels/p", i))->tracking_numbers_size(),
              taken[i].ok() ? 3 : 2);
    if (!taken[i].ok()) {
      EXPECT_EQ(api::ReasonOf(taken[i]), "TRACKING_NUMBER_IN_USE");
    }
  }
  EXPECT_EQ(Sum(Dimension::kCourier, kPost, Measure::kDelivered), int64_t{kParcels / 5});
  EXPECT_EQ(Rebuild().differing(), 0);
}

TEST_P(ParcelKeeperTest, ParcelsThatOpenedEachOtherAreMergedInAChain) {
  Ingest(kLine, {Event("A", "PICKED_UP", "2024-05-20T10:00:00Z")});
  Ingest(kLine, {Event("B", "DEPARTED_ORIGIN", "2024-05-21T10:00:00Z")});
  Ingest(kLine, {Event("C", "DELIVERED", "2024-05-28T10:00:00Z")});
  const std::string a = LookUp(kLine, "A").name();
  const std::string b = LookUp(kLine, "B").name();
  const std::string c = LookUp(kLine, "C").name();
  ASSERT_TRUE(Link(b, kLine, "C").ok());
  ASSERT_TRUE(Link(a, kLine, "B").ok());
  EXPECT_EQ(keeper_->Get(c)->name(), a);
  EXPECT_EQ(keeper_->Get(c)->event_count(), 3);
  EXPECT_EQ(LookUp(kLine, "C").name(), a);
  // And back again: it is all one.
  EXPECT_EQ(Link(c, kLine, "A")->name(), a);
  EXPECT_EQ(Sum(Dimension::kCourier, kLine, Measure::kDelivered), 1);
  EXPECT_EQ(Rebuild().differing(), 0);
}

TEST_P(ParcelKeeperTest, TimeChangesWhatItShould) {
  ASSERT_TRUE(Create(Request("p1", kLine, "N1")).ok());
  Ingest(kLine, {Event("N1", "PICKED_UP", "2024-05-31T10:00:00Z")});
  EXPECT_EQ(*keeper_->Tick(), 0);
  EXPECT_EQ(Sum(Dimension::kPartnership, "partnerships/lp", Measure::kDue), 0);
  clock_.Set(UtcTime("2024-06-10T10:00:00") - absl::Microseconds(1));
  EXPECT_EQ(*keeper_->Tick(), 0);
  clock_.Advance(absl::Microseconds(1));
  changes_.clear();
  EXPECT_EQ(*keeper_->Tick(), 1);
  EXPECT_EQ(*keeper_->Tick(), 0);
  EXPECT_EQ(Sum(Dimension::kPartnership, "partnerships/lp", Measure::kDue), 1);
  ASSERT_THAT(changes_, SizeIs(1));
  EXPECT_THAT(changes_[0].parcels, ElementsAre("parcels/p1"));
  EXPECT_THAT(changes_[0].scorecards,
              ::testing::Contains(std::pair(Dimension::kSeller, std::string("enterprises/s"))));
  EXPECT_THAT(changes_[0].journals, IsEmpty());
  // Silence.
  clock_.Set(UtcTime("2024-06-30T10:00:00"));
  EXPECT_EQ(*keeper_->Tick(), 1);
  EXPECT_EQ(keeper_->Get("parcels/p1")->state(), v1::Parcel::UNKNOWN);
  EXPECT_EQ(Sum(Dimension::kPartnership, "partnerships/lp", Measure::kUnknown), 1);
  clock_.Advance(absl::Hours(10'000));
  EXPECT_EQ(*keeper_->Tick(), 0);
}

TEST_P(ParcelKeeperTest, TheListenerHearsWhatHasChanged) {
  changes_.clear();
  Ingest(kLine, {Event("N1", "PICKED_UP", "2024-05-31T10:00:00Z"),
                 Event("N2", "PICKED_UP", "2024-05-31T10:00:00Z")});
  ASSERT_THAT(changes_, SizeIs(1));
  EXPECT_THAT(changes_[0].parcels,
              UnorderedElementsAre(LookUp(kLine, "N1").name(), LookUp(kLine, "N2").name()));
  EXPECT_THAT(changes_[0].scorecards,
              ElementsAre(std::pair(Dimension::kCourier, std::string(kLine))));
  ASSERT_FALSE(changes_[0].journals.empty());
  // And the journal has it.
  std::vector<std::string> lines;
  for (const auto& [bucket, sequence] : changes_[0].journals) {
    const auto page = store_->ReadJournal(bucket, sequence - 1, 1);
    ASSERT_TRUE(page.ok());
    ASSERT_THAT(page->rows, SizeIs(1));
    const auto response = ParcelKeeper::ParseJournal(page->rows[0].record);
    ASSERT_TRUE(response.ok());
    for (const auto& entry : response->entries()) {
      lines.push_back(
          absl::StrCat(entry.parcel(), " ", entry.event().code(), " ", entry.event().carrier()));
    }
  }
  EXPECT_THAT(lines,
              UnorderedElementsAre(absl::StrCat(LookUp(kLine, "N1").name(), " PICKED_UP ", kLine),
                                   absl::StrCat(LookUp(kLine, "N2").name(), " PICKED_UP ", kLine)));
  EXPECT_EQ(api::ReasonOf(ParcelKeeper::ParseJournal("\xff").status()), "JOURNAL_MALFORMED");
}

TEST_P(ParcelKeeperTest, ReconsidersWhatTheRegistersHaveChanged) {
  ASSERT_TRUE(Create(Request("p1", kLine, "N1")).ok());
  Ingest(kLine, {Event("N1", "PICKED_UP", "2024-05-25T10:00:00Z"),
                 Event("N1", "HOME", "2024-05-30T10:00:00Z")});
  const auto go_on = [] { return true; };
  EXPECT_EQ(*keeper_->Reconsider(go_on), 0);
  registers_.AddCode("HOME", TrackingStatus::kDelivered);
  EXPECT_EQ(*keeper_->Reconsider(go_on), 1);
  EXPECT_EQ(keeper_->Get("parcels/p1")->state(), v1::Parcel::DELIVERED);
  EXPECT_EQ(Sum(Dimension::kPartnership, "partnerships/lp", Measure::kDelivered), 1);
  EXPECT_EQ(*keeper_->Reconsider(go_on), 0);
  Terms terms;
  terms.commitment = Commitment{.duration = 48};
  registers_.SetTerms("partnerships/lp", terms);
  EXPECT_EQ(*keeper_->Reconsider(go_on), 1);
  EXPECT_EQ(Sum(Dimension::kPartnership, "partnerships/lp", Measure::kDue), 1);
  EXPECT_EQ(Sum(Dimension::kPartnership, "partnerships/lp", Measure::kOnTime), 0);
  registers_.AddPartnership("partnerships/lp", {kLine, "partners/other", {"lanes/de"}});
  EXPECT_EQ(*keeper_->Reconsider(go_on), 1);
  EXPECT_EQ(Sum(Dimension::kCourier, kPost, Measure::kDelivered), 0);
  EXPECT_EQ(Sum(Dimension::kCourier, "partners/other", Measure::kDelivered), 1);
  EXPECT_EQ(keeper_->Reconsider([] { return false; }).status().code(), StatusCode::kCancelled);
  EXPECT_EQ(Rebuild().differing(), 0);
}

TEST_P(ParcelKeeperTest, ADamagedRecordFailsNothingElse) {
  std::vector<std::string> told;
  options_.damaged = [&](std::string_view record) { told.emplace_back(record); };
  Open();
  ASSERT_TRUE(Create(Request("a", kLine, "NA")).ok());
  ASSERT_TRUE(Create(Request("b", kLine, "NB")).ok());
  Ingest(kLine, {Event("NA", "PICKED_UP", "2024-05-25T10:00:00Z"),
                 Event("NB", "PICKED_UP", "2024-05-25T10:00:00Z"),
                 Event("NC", "PICKED_UP", "2024-05-25T10:00:00Z")});
  const auto damage = [&](ParcelTable table, const std::string& key) {
    const BucketKey its{store_->BucketOf(key), key};
    ASSERT_TRUE(store_
                    ->Write({&its.bucket, 1},
                            [&](ParcelTransaction& tx) {
                              tx.Put(table, its, "nonsense");
                              return absl::OkStatus();
                            })
                    .ok());
  };
  damage(ParcelTable::kParcels, "a");
  damage(ParcelTable::kNumbers, NumberKey(kLine, "NC"));
  Open();  // nothing is in memory

  const auto answer = Ingest(kLine, {Event("NA", "DELIVERED", "2024-05-28T10:00:00Z"),
                                     Event("NB", "DELIVERED", "2024-05-28T10:00:00Z"),
                                     Event("NC", "DELIVERED", "2024-05-28T10:00:00Z"),
                                     Event("ND", "DELIVERED", "2024-05-28T10:00:00Z")});
  EXPECT_EQ(answer.counts.added(), 2);
  EXPECT_EQ(answer.counts.refused(), 2);
  ASSERT_THAT(answer.problems, SizeIs(2));
  EXPECT_EQ(answer.problems[0].index(), 0);
  EXPECT_EQ(answer.problems[0].reason(), "PARCEL_MALFORMED");
  EXPECT_THAT(answer.problems[0].message(), HasSubstr("parcels/a"));
  EXPECT_EQ(answer.problems[1].index(), 2);
  EXPECT_EQ(answer.problems[1].reason(), "NUMBER_MALFORMED");
  EXPECT_THAT(answer.problems[1].message(), HasSubstr("partners/line NC"));
  EXPECT_THAT(told, ElementsAre("partners/line NC", "parcels/a"));
  EXPECT_EQ(keeper_->Get("parcels/b")->state(), v1::Parcel::DELIVERED);
  EXPECT_EQ(LookUp(kLine, "ND").state(), v1::Parcel::DELIVERED);
  EXPECT_EQ(keeper_->Get("parcels/a").status().code(), StatusCode::kDataLoss);
  EXPECT_EQ(Sum(Dimension::kPartnership, "partnerships/lp", Measure::kHandedOver), 2);

  // Nor does it hold up lists, time, changes of the registers or retention.
  int parcels = 0;
  ASSERT_TRUE(keeper_->Scan({}, 100, [&](const v1::Parcel&) { return ++parcels > 0; }).ok());
  EXPECT_EQ(parcels, 3);  // with that of NC, whose number is damaged
  clock_.Advance(absl::Hours(24 * 60));
  EXPECT_TRUE(keeper_->Tick().ok());
  EXPECT_EQ(*keeper_->Tick(), 0);  // its timer is gone
  EXPECT_EQ(Sum(Dimension::kPartnership, "partnerships/lp", Measure::kDue), 1);
  Terms terms;
  registers_.SetTerms("partnerships/lp", terms);
  EXPECT_EQ(*keeper_->Reconsider([] { return true; }), 3);
  const auto rebuilt = Rebuild(true);
  EXPECT_THAT(rebuilt.damaged_parcels(), ElementsAre("parcels/a"));
  EXPECT_FALSE(rebuilt.mended());
  EXPECT_EQ(Sum(Dimension::kPartnership, "partnerships/lp", Measure::kHandedOver), 2);
  EXPECT_EQ(keeper_->ExpireParcels(clock_.Now(), [] { return true; })->deleted, 2);
}

TEST_P(ParcelKeeperTest, ExpiredParcelsLeaveTheirScorecards) {
  Ingest(kLine, {Event("N1", "PICKED_UP", "2022-05-25T10:00:00Z"),
                 Event("N1", "DELIVERED", "2022-05-30T10:00:00Z"),
                 Event("N2", "PICKED_UP", "2024-05-25T10:00:00Z")});
  ASSERT_TRUE(Link(LookUp(kLine, "N1", UtcTime("2022-06-01T00:00:00")).name(), kLine, "N3",
                   "2022-05-26T00:00:00")
                  .ok());
  ASSERT_TRUE(keeper_->Tick().ok());
  const auto go_on = [] { return true; };
  auto expired = keeper_->ExpireParcels(UtcTime("2022-05-30T00:00:00"), go_on);
  ASSERT_TRUE(expired.ok());
  EXPECT_EQ(expired->deleted, 0);
  // That of N1: with the last event of its day.
  EXPECT_EQ(expired->oldest, UtcTime("2022-05-31T00:00:00") - absl::Microseconds(1));
  expired = keeper_->ExpireParcels(expired->oldest + absl::Microseconds(1), go_on);
  ASSERT_TRUE(expired.ok());
  EXPECT_EQ(expired->deleted, 1);
  EXPECT_GE(expired->oldest, UtcTime("2024-05-25T10:00:00"));
  EXPECT_LT(expired->oldest, UtcTime("2025-05-25T10:00:00"));
  for (const char* number : {"N1", "N3"}) {
    EXPECT_EQ(keeper_->LookUp(kLine, number, UtcTime("2022-05-30T10:00:00")).status().code(),
              StatusCode::kNotFound);
  }
  EXPECT_EQ(LookUp(kLine, "N2").event_count(), 1);
  EXPECT_EQ(Sum(Dimension::kCourier, kLine, Measure::kDelivered), 1);
  const auto rebuilt = Rebuild(true);
  EXPECT_EQ(rebuilt.differing(), 0);
  EXPECT_EQ(rebuilt.parcels(), 1);
  EXPECT_FALSE(rebuilt.mended());
  EXPECT_EQ(Sum(Dimension::kCourier, kLine, Measure::kDelivered), 1);
}

TEST_P(ParcelKeeperTest, ARebuildFindsAndMendsWhatIsWrong) {
  ASSERT_TRUE(Create(Request("p1", kLine, "N1")).ok());
  Ingest(kLine, {Event("N1", "PICKED_UP", "2024-05-25T10:00:00Z"),
                 Event("N1", "DELIVERED", "2024-05-30T10:00:00Z"),
                 Event("N2", "PICKED_UP", "2024-05-25T10:00:00Z")});
  EXPECT_EQ(Rebuild().differing(), 0);
  // One scorecard too many, one that is wrong.
  const int bucket = store_->buckets() - 1;
  Scorecard wrong;
  wrong.counts[0] = 5;
  const auto day = static_cast<int32_t>(absl::CivilDay(2024, 5, 25) - absl::CivilDay(1970, 1, 1));
  const auto wrong_in = [&](ParcelTransaction& tx) {
    // Folds nothing in: with what waits it would be lost.
    std::vector<ScorecardRow> rows = {
        {static_cast<int>(Dimension::kSeller), "enterprises/x", day, wrong.Serialize()}};
    tx.Fold(bucket, rows);
    return absl::OkStatus();
  };
  ASSERT_TRUE(store_->Write({&bucket, 1}, wrong_in).ok());
  Open();
  EXPECT_EQ(Sum(Dimension::kSeller, "enterprises/x", Measure::kHandedOver), 5);
  auto found = Rebuild(false);
  EXPECT_GE(found.differing(), 1);
  EXPECT_FALSE(found.mended());
  bool told = false;
  for (const auto& difference : found.differences()) {
    told = told || (difference.dimension() == v1::SELLER && difference.value() == "enterprises/x" &&
                    difference.date().day() == 25);
  }
  EXPECT_TRUE(told);
  EXPECT_EQ(Sum(Dimension::kSeller, "enterprises/x", Measure::kHandedOver), 5);
  found = Rebuild(true);
  EXPECT_TRUE(found.mended());
  EXPECT_EQ(found.parcels(), 2);
  EXPECT_EQ(Sum(Dimension::kSeller, "enterprises/x", Measure::kHandedOver), 0);
  EXPECT_EQ(Sum(Dimension::kSeller, "enterprises/s", Measure::kDelivered), 1);
  EXPECT_EQ(Sum(Dimension::kCourier, kLine, Measure::kHandedOver), 1);
  EXPECT_EQ(Rebuild(false).differing(), 0);
  EXPECT_EQ(keeper_->Rebuild(false, [](const auto&) { return false; }).status().code(),
            StatusCode::kCancelled);
}

TEST_P(ParcelKeeperTest, ARebuildMendsMonthsThatAreNotTheSumsOfTheirDays) {
  options_.max_unfolded_rows = 0;
  Open();
  Ingest(kLine, {Event("N1", "PICKED_UP", "2024-05-25T10:00:00Z"),
                 Event("N2", "PICKED_UP", "2024-05-26T10:00:00Z")});
  ScorecardRange range = testing::AllDays(Dimension::kCourier, kLine);
  range.begin_day = DayNumberOf(absl::CivilDay(2024, 5, 1));
  range.end_day = DayNumberOf(absl::CivilDay(2024, 6, 1));
  const auto of_month = [&] {
    const auto read = keeper_->ReadScorecards(range, Granularity::kMonth);
    return read.ok() && read->days.size() == 1 ? read->days[0].scorecard.at(Measure::kHandedOver)
                                               : -1;
  };
  EXPECT_EQ(of_month(), 2);
  EXPECT_EQ(Rebuild().differing(), 0);
  Scorecard wrong;
  wrong.counts[0] = 5;
  for (const std::string& record : {wrong.Serialize(), std::string("damaged")}) {
    for (int bucket = 0; bucket < store_->buckets(); ++bucket) {
      const auto write = [&](ParcelTransaction& tx) {
        std::vector<ScorecardRow> rows = {
            {MonthsOf(range.dimension), kLine, range.begin_day, record}};
        tx.Fold(bucket, std::move(rows));
        return absl::OkStatus();
      };
      ASSERT_TRUE(store_->Write({&bucket, 1}, write).ok());
    }
    EXPECT_NE(of_month(), 2);
    const auto found = Rebuild(false);
    EXPECT_GT(found.differing(), 0);
    for (const auto& difference : found.differences()) {
      EXPECT_EQ(difference.dimension(), v1::COURIER);
      EXPECT_EQ(difference.value(), kLine);
      EXPECT_EQ(difference.date().month(), 5);
      EXPECT_EQ(difference.date().day(), 0);
    }
    EXPECT_TRUE(Rebuild(true).mended());
    EXPECT_EQ(of_month(), 2);
    EXPECT_EQ(Rebuild().differing(), 0);
  }
}

TEST_P(ParcelKeeperTest, ScorecardsAreTheSameWhereTheyAreFolded) {
  options_.max_unfolded_rows = 1;
  Open();
  for (int i = 0; i < 20; ++i) {
    Ingest(kLine, {Event(absl::StrCat("N", i % 5), "IN_TRANSIT",
                         absl::StrCat("2024-05-", 10 + i, "T10:00:00Z"))});
  }
  EXPECT_EQ(Sum(Dimension::kCourier, kLine, Measure::kInformation), 20);
  EXPECT_EQ(Sum(Dimension::kCourier, kLine, Measure::kHandedOver), 5);
  const auto states = *store_->ReadStates();
  EXPECT_TRUE(std::any_of(states.begin(), states.end(), [](auto& s) { return s.folded > 0; }));
  EXPECT_EQ(Rebuild().differing(), 0);
  Open();
  const auto read = keeper_->ReadDays(testing::AllDays(Dimension::kCourier, kLine));
  ASSERT_TRUE(read.ok());
  EXPECT_THAT(read->days, SizeIs(20));
  EXPECT_TRUE(std::is_sorted(read->days.begin(), read->days.end(),
                             [](auto& a, auto& b) { return a.day < b.day; }));
}

}  // namespace
}  // namespace caravan::logistics
