// Keepers through everything that may befall them, against the definitions written
// out plainly.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/common/api/errors.h"
#include "services/logistics/scorecard_book.h"
#include "services/logistics/testing/journeys.h"
#include "services/logistics/testing/keeper_world.h"
#include "services/logistics/testing/memory_parcel_store.h"
#include "services/logistics/testing/parcel_stores.h"
#include "services/logistics/testing/plain.h"

namespace caravan::logistics {
namespace {

using testing::JourneyGenerator;
using testing::MemoryParcelStore;
using testing::PlainDay;
using testing::UtcTime;

constexpr char kLine[] = "partners/line";
constexpr char kCourier[] = "partners/courier";
constexpr int kPartnerships = 6;
constexpr absl::Duration kDay = absl::Hours(24);

struct Setting {
  uint64_t seed = 0;
  int buckets = 1;
  int keepers = 1;
  int faults = 0;  // of a hundred commits
  size_t unfolded = 100'000;
  const TestParcelStore* engine = nullptr;  // in memory, and only there with faults
};

// A journey, and what is done with it.
struct Parcel {
  std::vector<testing::Message> messages;
  std::string line_number, courier_number;
  std::optional<absl::Time> announced, linked, updated;
  bool told_late = false;           // that it was announced and linked: long behind
  std::optional<absl::Time> begin;  // of the line's number
  int partnership = 0;
  std::string id, seller;
};

class World {
 public:
  explicit World(const Setting& setting)
      : setting_(setting), random_(setting.seed, 20), clock_(UtcTime("2024-02-01T00:00:00")) {
    keepers_.resize(static_cast<size_t>(setting.keepers));
    OpenStores();
    registers_.AddCarrier(kLine);
    registers_.AddCarrier(kCourier);
    registers_.AddLane("lanes/a", "DE", "Europe/Berlin");
    for (int i = 0; i < kPartnerships; ++i) {
      const std::string name = absl::StrCat("partnerships/", i);
      registers_.AddPartnership(name, {kLine, kCourier, {"lanes/a"}});
      terms_.push_back(random_.Next().terms);
      registers_.SetTerms(name, terms_.back());
    }
    for (size_t i = 0; i < keepers_.size(); ++i) Open(i);
    if (memory_ != nullptr) memory_->SetFate([this] { return NextFate(); });
  }

  void Run(int parcels) {
    for (int i = 0; i < parcels; ++i) Plan(i);
    std::stable_sort(actions_.begin(), actions_.end(),
                     [](const Action& a, const Action& b) { return a.time < b.time; });
    for (const Action& action : actions_) {
      if (action.time > clock_.Now()) clock_.Set(action.time);
      if (action.message != nullptr) {
        auto& batch = batches_[action.message->event.carrier];
        batch.push_back(MessageOf(action.parcel, *action.message));
        if (random_.Chance(10)) batch.push_back(batch.back());
        if (random_.Chance(15)) Send();
      } else {
        // What is done meets what was told in any order.
        if (random_.Chance(70)) Send();
        action.act();
      }
      if (random_.Chance(3)) Until([&] { return Any().Tick().status(); });
      if (random_.Chance(1)) Open(AnyIndex());
    }
    Send();
    clock_.Advance(60 * kDay);
    faults_ = false;
    ASSERT_TRUE(Any().Tick().ok());
  }

  void Check() {
    const std::map<Key, Scorecard> expected = Expected();
    for (size_t k = 0; k < keepers_.size(); ++k) {
      std::map<Key, Scorecard> found;
      for (int d = 0; d < kDimensions; ++d) {
        const auto read = keepers_[k]->ReadDays({d, "", "~", INT32_MIN, INT32_MAX});
        ASSERT_TRUE(read.ok()) << read.status();
        for (const auto& day : read->days) found[{d, day.value, day.day}] = day.scorecard;
        CheckPeriods(*keepers_[k], d, read->days);
      }
      for (const auto& [key, scorecard] : found) {
        ASSERT_TRUE(expected.count(key) != 0) << TextOf(key) << Difference(Scorecard(), scorecard);
      }
      for (const auto& [key, scorecard] : expected) {
        const auto its = found.find(key);
        ASSERT_TRUE(its != found.end() && its->second == scorecard)
            << TextOf(key) << Difference(scorecard, its == found.end() ? Scorecard() : its->second);
      }
      const auto rebuilt = keepers_[k]->Rebuild(false, [](const auto&) { return true; });
      ASSERT_TRUE(rebuilt.ok()) << rebuilt.status();
      EXPECT_EQ(rebuilt->differing(), 0);
      EXPECT_GE(rebuilt->scorecards(), static_cast<int64_t>(expected.size()));
    }
    for (const Parcel& parcel : parcels_) {
      if (!parcel.announced) continue;
      const auto message = Any().Get(absl::StrCat("parcels/", parcel.id));
      ASSERT_TRUE(message.ok()) << message.status();
      EXPECT_EQ(message->tracking_numbers_size(), parcel.linked ? 2 : 1);
      EXPECT_EQ(message->seller(), parcel.seller);
    }
    int64_t parcels = 0;
    ASSERT_TRUE(Any().Scan({}, 1'000'000, [&](const v1::Parcel&) { return ++parcels > 0; }).ok());
    if (memory_ != nullptr) {
      EXPECT_LE(static_cast<int64_t>(memory_->timers()), parcels);
    }
  }

 private:
  using Key = std::tuple<int, std::string, int32_t>;

  struct Action {
    absl::Time time;
    size_t parcel = 0;
    const testing::Message* message = nullptr;  // it comes; or else:
    std::function<void()> act = {};
  };

  MemoryParcelStore::Fate NextFate() {
    using Fate = MemoryParcelStore::Fate;
    if (!faults_ || !random_.Chance(setting_.faults)) return Fate::kCommitted;
    static constexpr Fate kFates[] = {Fate::kRunAgain, Fate::kLost, Fate::kUnknown, Fate::kTorn};
    return kFates[random_.Below(4)];
  }

  // One in memory is of all keepers; of a database each has its own.
  void OpenStores() {
    const auto clock = [this] { return clock_.Now(); };
    if (setting_.engine == nullptr) {
      stores_.push_back(std::make_unique<MemoryParcelStore>(setting_.buckets, clock));
      memory_ = static_cast<MemoryParcelStore*>(stores_[0].get());
      return;
    }
    database_ = setting_.engine->Create();
    ParcelStoreOptions options;
    options.buckets = setting_.buckets;
    options.clock = clock;
    for (size_t i = 0; i < keepers_.size(); ++i) stores_.push_back(database_->OpenOrDie(options));
  }

  size_t AnyIndex() { return static_cast<size_t>(random_.Below(setting_.keepers)); }
  ParcelKeeper& Any() { return *keepers_[AnyIndex()]; }

  void Open(size_t index) {
    keepers_[index].reset();
    ParcelKeeperOptions options;
    options.clock = [this] { return clock_.Now(); };
    // So little that all of it is forgotten now and then.
    options.cache_bytes = 40'000;
    options.max_unfolded_rows = setting_.unfolded;
    auto keeper = ParcelKeeper::Open(*stores_[index % stores_.size()], registers_, options);
    ASSERT_TRUE(keeper.ok()) << keeper.status();
    keepers_[index] = *std::move(keeper);
  }

  // Does something again until the store has it.
  void Until(absl::FunctionRef<absl::Status()> act) {
    for (int i = 0; i < 200; ++i) {
      const absl::Status status = act();
      if (status.ok()) return;
      ASSERT_TRUE(absl::IsUnavailable(status)) << status;
      if (random_.Chance(20)) Open(AnyIndex());
    }
    FAIL() << "the store never has it";
  }

  void Send() {
    for (auto& [carrier, batch] : batches_) {
      std::shuffle(batch.begin(), batch.end(), random_.random());
      Until([&, &carrier = carrier, &batch = batch] {
        const auto answer = testing::Ingest(Any(), carrier, batch);
        if (!answer.ok()) return answer.status();
        EXPECT_EQ(answer->counts.refused(), 0);
        return absl::OkStatus();
      });
      batch.clear();
    }
  }

  // In the codes of the registers.
  static void Translate(TrackingEvent& event) {
    event.code = event.known ? std::string(NameOf(event.status)) : "unheard of";
    if (!event.known) event.status = TrackingStatus::kUnknown;
  }

  v1::TrackingEvent MessageOf(size_t parcel, const testing::Message& message) {
    const TrackingEvent& event = message.event;
    v1::TrackingEvent to;
    to.set_tracking_number(event.carrier == kLine ? parcels_[parcel].line_number
                                                  : parcels_[parcel].courier_number);
    to.set_event_id(event.id);
    to.set_code(event.code);
    to.set_place(event.place);
    to.set_event_time(testing::TextOf(event.time));
    to.mutable_receipt_time()->set_seconds(absl::ToUnixSeconds(event.receipt));
    to.set_reason(static_cast<v1::TrackingReason>(event.reason));
    to.set_correction(event.correction);
    to.set_withdrawn(event.withdrawn);
    return to;
  }

  void Plan(int i) {
    const auto index = parcels_.size();
    Parcel& parcel = parcels_.emplace_back();
    parcel.messages = random_.Next().messages;
    // Some use a number again, a year and more later.
    const bool again = i >= 10 && random_.Chance(30);
    const absl::Duration later = again ? 600 * kDay : absl::ZeroDuration();
    const int number = again ? i - 10 : i;
    if (again && later_.count(number) != 0) {
      parcels_.pop_back();
      return;
    }
    if (again) later_.insert(number);
    parcel.line_number = absl::StrCat("L", again ? number : i);
    parcel.courier_number = absl::StrCat("C", again ? number : i);
    parcel.id = absl::StrCat("a", i);
    parcel.seller = absl::StrCat("enterprises/", random_.Below(9));
    parcel.partnership = static_cast<int>(random_.Below(kPartnerships));
    for (testing::Message& message : parcel.messages) {
      Translate(message.event);
      message.event.time += later;
      message.event.receipt += later;
      message.arrival += later;
      // Never from before it was announced by more than the order of things allows.
      if (random_.Chance(10)) message.arrival += random_.Below(20 * 24) * absl::Hours(1);
      if (!again && random_.Chance(2)) message.arrival += 500 * kDay;
    }
    const absl::Time begin = UtcTime("2024-03-01T00:00:00") + later;
    const auto some_time = [&] { return begin + random_.Below(40 * 24) * absl::Hours(1); };
    if (random_.Chance(70)) {
      parcel.announced = some_time();
      if (random_.Chance(20)) parcel.begin = begin + random_.Below(20 * 24) * absl::Hours(1);
      if (random_.Chance(70)) {
        parcel.linked = *parcel.announced + random_.Below(20 * 24) * absl::Hours(1);
      }
      if (random_.Chance(20)) {
        parcel.updated = *parcel.announced + random_.Below(40 * 24) * absl::Hours(1);
      }
      parcel.told_late = random_.Chance(10);
    }
    Schedule(index);
  }

  void Schedule(size_t index) {
    // Messages are found by their parcel later, as parcels move while they are planned.
    const Parcel& parcel = parcels_[index];
    // Behind the next use of the number, too.
    const absl::Duration late = parcel.told_late ? 700 * kDay : absl::ZeroDuration();
    const auto add = [&](const std::optional<absl::Time>& time, void (World::*act)(size_t)) {
      if (!time) return;
      actions_.push_back(
          {*time + late, index, nullptr, [this, act, index] { (this->*act)(index); }});
    };
    add(parcel.announced, &World::Announce);
    add(parcel.linked, &World::Link);
    add(parcel.updated, &World::Update);
    for (const testing::Message& message : parcel.messages) {
      kept_.push_back(std::make_unique<testing::Message>(message));
      actions_.push_back({message.arrival, index, kept_.back().get()});
    }
  }

  void Announce(size_t index) {
    const Parcel& parcel = parcels_[index];
    v1::CreateParcelRequest request;
    request.set_parcel_id(parcel.id);
    v1::Parcel& to = *request.mutable_parcel();
    to.set_seller(parcel.seller);
    to.set_partnership(absl::StrCat("partnerships/", parcel.partnership));
    to.set_lane("lanes/a");
    to.set_origin_zone("pilotZones/z");
    to.set_platform("platforms/p");
    if (parcel.told_late) {
      to.mutable_announce_time()->set_seconds(absl::ToUnixSeconds(*parcel.announced));
    }
    v1::TrackingNumber& number = *to.add_tracking_numbers();
    number.set_carrier(kLine);
    number.set_number(parcel.line_number);
    if (parcel.begin) number.mutable_begin_time()->set_seconds(absl::ToUnixSeconds(*parcel.begin));
    const v1::CreateParcelRequest* one = &request;
    Until([&] { return Any().Announce({&one, 1}).status(); });
  }

  void Link(size_t index) {
    const Parcel& parcel = parcels_[index];
    v1::LinkTrackingNumberRequest request;
    request.set_name(absl::StrCat("parcels/", parcel.id));
    request.set_carrier(kCourier);
    request.set_tracking_number(parcel.courier_number);
    if (parcel.begin) {
      request.mutable_begin_time()->set_seconds(absl::ToUnixSeconds(*parcel.begin + 5 * kDay));
    } else if (parcel.told_late) {
      request.mutable_begin_time()->set_seconds(absl::ToUnixSeconds(*parcel.linked));
    }
    Until([&] { return Any().LinkTrackingNumber(request).status(); });
  }

  void Update(size_t index) {
    Parcel& parcel = parcels_[index];
    parcel.seller = "enterprises/another";
    v1::Parcel to;
    to.set_name(absl::StrCat("parcels/", parcel.id));
    to.set_seller(parcel.seller);
    Until([&] { return Any().Update(to, {"seller"}, false).status(); });
  }

  // The sum of what each parcel adds by the plain definitions.
  // Weeks, months and ranges are the sums of their days.
  void CheckPeriods(ParcelKeeper& keeper, int dimension,
                    const std::vector<ParcelKeeper::DayScorecard>& days) {
    const absl::CivilDay first(1970, 1, 1);
    const int32_t today = DayOf(clock_.Now());
    for (const std::optional<Granularity> by :
         {std::optional(Granularity::kWeek), std::optional(Granularity::kMonth),
          std::optional<Granularity>()}) {
      for (const auto& [begin, end] :
           {std::pair<int32_t, int32_t>{INT32_MIN, INT32_MAX},
            {today - static_cast<int32_t>(random_.Below(200)), today - 20},
            {MonthOfDay(today - 100), MonthOfDay(today - 30)}}) {
        std::map<Key, Scorecard> expected, found;
        for (const auto& day : days) {
          if (day.day < begin || day.day >= end) continue;
          const int32_t period = by ? DayNumberOf(PeriodOf(first + day.day, *by)) : begin;
          expected[{dimension, day.value, period}].Merge(day.scorecard);
        }
        const auto read = keeper.ReadScorecards({dimension, "", "~", begin, end}, by);
        ASSERT_TRUE(read.ok()) << read.status();
        for (const auto& period : read->days) {
          found[{dimension, period.value, period.day}] = period.scorecard;
        }
        EXPECT_EQ(expected == found, true) << begin << " " << end;
      }
    }
  }

  std::map<Key, Scorecard> Expected() {
    std::map<Key, Scorecard> all;
    const auto add = [&](const std::vector<TrackingEvent>& events, const Terms& terms,
                         const Dimensions& dimensions) {
      for (const auto& [day, plain] : testing::PlainContribution(events, terms, clock_.Now())) {
        Scorecard scorecard;
        for (const auto& [measure, count] : plain.counts) {
          scorecard.counts[static_cast<size_t>(measure)] += count;
        }
        for (size_t leg = 0; leg < kLegs; ++leg) {
          for (const int64_t seconds : plain.legs[leg]) scorecard.legs[leg].Add(seconds);
        }
        for (int d = 0; d < kDimensions; ++d) {
          const std::string& value = dimensions.at(static_cast<Dimension>(d));
          if (!value.empty()) all[{d, value, DayNumberOf(day)}].Merge(scorecard);
        }
      }
    };
    for (const Parcel& parcel : parcels_) {
      std::map<std::string, std::vector<TrackingEvent>> by_carrier;
      for (const testing::Message& message : parcel.messages) {
        by_carrier[message.event.carrier].push_back(message.event);
      }
      if (parcel.announced) {
        Dimensions dimensions;
        dimensions.Set(Dimension::kPartnership, absl::StrCat("partnerships/", parcel.partnership));
        dimensions.Set(Dimension::kLineHaulCompany, kLine);
        dimensions.Set(Dimension::kCourier, kCourier);
        dimensions.Set(Dimension::kLane, "lanes/a");
        dimensions.Set(Dimension::kDestination, "countries/DE");
        dimensions.Set(Dimension::kOriginZone, "pilotZones/z");
        dimensions.Set(Dimension::kSeller, parcel.seller);
        dimensions.Set(Dimension::kPlatform, "platforms/p");
        Terms terms = terms_[static_cast<size_t>(parcel.partnership)];
        terms.begin = parcel.begin.value_or(absl::InfinitePast());
        std::vector<TrackingEvent> events = std::move(by_carrier[kLine]);
        by_carrier.erase(kLine);
        if (parcel.linked) {
          for (TrackingEvent& event : by_carrier[kCourier]) events.push_back(std::move(event));
          by_carrier.erase(kCourier);
        }
        add(events, terms, dimensions);
      }
      for (const auto& [carrier, events] : by_carrier) {
        Dimensions dimensions;
        dimensions.Set(Dimension::kCourier, carrier);
        add(events, Terms(), dimensions);
      }
    }
    return all;
  }

  static std::string TextOf(const Key& key) {
    const auto& [dimension, value, day] = key;
    return absl::StrCat(NameOf(static_cast<Dimension>(dimension)), " ", value, " ",
                        absl::FormatCivilTime(absl::CivilDay(1970, 1, 1) + day));
  }

  static std::string Difference(const Scorecard& expected, const Scorecard& found) {
    std::string text;
    for (int m = 0; m < kMeasures; ++m) {
      const auto measure = static_cast<Measure>(m);
      if (expected.at(measure) == found.at(measure)) continue;
      absl::StrAppend(&text, " ", NameOf(measure), " ", expected.at(measure), " found ",
                      found.at(measure));
    }
    return text;
  }

  const Setting setting_;
  JourneyGenerator random_;
  testing::HandClock clock_;
  std::unique_ptr<TestParcelDatabase> database_;
  std::vector<std::unique_ptr<ParcelStore>> stores_;
  MemoryParcelStore* memory_ = nullptr;  // where it is one
  testing::MadeUpRegisters registers_;
  std::vector<Terms> terms_;
  bool faults_ = true;
  std::vector<std::unique_ptr<ParcelKeeper>> keepers_;
  std::vector<Parcel> parcels_;
  std::set<int> later_;
  std::vector<std::unique_ptr<testing::Message>> kept_;
  std::vector<Action> actions_;
  std::map<std::string, std::vector<v1::TrackingEvent>> batches_;
};

void RunAndCheck(const Setting& setting, int parcels) {
  SCOPED_TRACE(absl::StrCat("seed ", setting.seed));
  World world(setting);
  world.Run(parcels);
  if (::testing::Test::HasFatalFailure()) return;
  world.Check();
}

TEST(ParcelKeeperPropertyTest, OneKeeperOnOneBucket) {
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    RunAndCheck({.seed = seed}, 80);
    if (HasFatalFailure()) return;
  }
}

TEST(ParcelKeeperPropertyTest, FoldedAllTheTime) {
  RunAndCheck({.seed = 11, .buckets = 3, .unfolded = 60}, 80);
}

TEST(ParcelKeeperPropertyTest, ThroughFailuresOfTheStoreAndCrashes) {
  for (uint64_t seed = 21; seed <= 26; ++seed) {
    RunAndCheck({.seed = seed, .buckets = seed % 2 == 0 ? 1 : 6, .faults = 20, .unfolded = 500},
                60);
    if (HasFatalFailure()) return;
  }
}

TEST(ParcelKeeperPropertyTest, TwoKeepersOnOneStore) {
  for (uint64_t seed = 31; seed <= 34; ++seed) {
    RunAndCheck({.seed = seed, .buckets = 4, .keepers = 2, .unfolded = 500}, 60);
    if (HasFatalFailure()) return;
  }
}

TEST(ParcelKeeperPropertyTest, ThreeKeepersThroughFailures) {
  for (uint64_t seed = 41; seed <= 46; ++seed) {
    RunAndCheck({.seed = seed, .buckets = 5, .keepers = 3, .faults = 20, .unfolded = 200}, 50);
    if (HasFatalFailure()) return;
  }
}

TEST(ParcelKeeperPropertyTest, OnDatabases) {
  for (const TestParcelStore& engine : TestParcelStores()) {
    // Only one process has a file of SQLite open.
    const bool is_shared = engine.engine == TestParcelStore::Engine::kPostgres;
    RunAndCheck({.seed = 51,
                 .buckets = is_shared ? 2 : 1,
                 .keepers = is_shared ? 2 : 1,
                 .unfolded = 200,
                 .engine = &engine},
                40);
    if (HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace caravan::logistics
