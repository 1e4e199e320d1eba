// Kills the logistics service, or its database, at random moments while events are
// taken in: what was acknowledged is there afterwards, once, and scorecards are what a
// count anew gives.
#include <atomic>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "caravan/logistics/v1/lanes.pb.h"
#include "caravan/logistics/v1/parcels.pb.h"
#include "caravan/logistics/v1/partners.pb.h"
#include "caravan/logistics/v1/scorecards.pb.h"
#include "caravan/logistics/v1/tracking.pb.h"
#include "caravan/logistics/v1/tracking_vocabularies.pb.h"
#include "google/longrunning/operations.pb.h"
#include "gtest/gtest.h"
#include "services/common/testing/temporary_folder.h"
#include "tests/fault/client.h"
#include "tests/fault/kills.h"
#include "tests/fault/postgres_server.h"
#include "tests/fault/service_process.h"

namespace caravan::fault {
namespace {

namespace v1 = logistics::v1;

constexpr char kLogistics[] = "/caravan.logistics.v1.";
constexpr int kClients = 4;
constexpr int kBatch = 50;
constexpr int kEventsOfParcel = 5;
constexpr int kParcelsLookedAt = 40;
constexpr int64_t kThirdOfAugust = 1722643200;  // 2024, when all parcels travel

// A carrier that sends one batch after another, each until it is answered. A batch has
// parts of many parcels: event e of parcel p comes in batch p / kBatch + e.
class Carrier {
 public:
  Carrier(int id, std::shared_ptr<grpc::Channel> channel)
      : name_(absl::StrCat("partners/c", id)), channel_(std::move(channel)) {}

  void Run(const std::atomic<bool>& stop, std::atomic<int64_t>& answers) {
    while (!stop) {
      v1::IngestEventsRequest request;
      request.set_carrier(name_);
      for (int e = 0; e < kEventsOfParcel && e <= batches_; ++e) {
        const int64_t first = (batches_ - e) * (kBatch / kEventsOfParcel);
        for (int64_t p = first; p < first + kBatch / kEventsOfParcel; ++p) {
          v1::TrackingEvent& event = *request.add_events();
          event.set_tracking_number(absl::StrCat("N", p));
          static constexpr const char* kCodes[] = {"PU", "AR", "HB", "NO", "OK"};
          event.set_code(kCodes[e]);
          event.set_event_time(absl::StrFormat("2024-08-%02dT10:%02d:00Z", 1 + e, p % 60));
        }
      }
      v1::IngestEventsResponse response;
      const absl::Status status = CallUntilAnswered(
          channel_, absl::StrCat(kLogistics, "TrackingService/IngestEvents"), request, &response);
      ASSERT_TRUE(status.ok()) << status;
      ASSERT_EQ(response.counts().refused(), 0) << response.ShortDebugString();
      ++batches_;
      events_ += request.events_size();
      ++answers;
    }
  }

  const std::string& name() const { return name_; }
  int64_t events() const { return events_; }
  int64_t parcels() const { return batches_ * (kBatch / kEventsOfParcel); }
  // How many events of a parcel were acknowledged.
  int64_t EventsOf(int64_t parcel) const {
    return std::min<int64_t>(kEventsOfParcel, batches_ - parcel / (kBatch / kEventsOfParcel));
  }

 private:
  const std::string name_;
  const std::shared_ptr<grpc::Channel> channel_;
  int64_t batches_ = 0;
  int64_t events_ = 0;
};

class IngestionCrashTest : public ::testing::Test {
 protected:
  ServiceOptions Options(std::string store) {
    return {.folder = folder_.path(),
            .name = "logistics",
            .store = std::move(store),
            .program = "caravan-logistics",
            .flags = {"--peer=zones=unix:/nonexistent/zones.socket"}};
  }

  template <class Response, class Request>
  Response Must(const std::string& method, const Request& request) {
    Response response;
    const absl::Status status =
        CallUntilAnswered(channel_, absl::StrCat(kLogistics, method), request, &response);
    EXPECT_TRUE(status.ok()) << method << ": " << status;
    return response;
  }

  void LoadRegisters() {
    v1::CreateTrackingVocabularyRequest vocabulary;
    vocabulary.set_tracking_vocabulary_id("plain");
    vocabulary.mutable_tracking_vocabulary()->set_display_name("Plain");
    vocabulary.mutable_tracking_vocabulary()->set_time_rule("UTC");
    const std::pair<const char*, v1::TrackingStatus> kCodes[] = {{"PU", v1::PICKED_UP},
                                                                 {"AR", v1::ARRIVED_DESTINATION},
                                                                 {"HB", v1::ARRIVED_DELIVERY_HUB},
                                                                 {"NO", v1::DELIVERY_FAILED},
                                                                 {"OK", v1::DELIVERED}};
    for (const auto& [code, status] : kCodes) {
      auto& added = *vocabulary.mutable_tracking_vocabulary()->add_codes();
      added.set_code(code);
      added.set_status(status);
    }
    Must<v1::TrackingVocabulary>("TrackingVocabularyService/CreateTrackingVocabulary", vocabulary);
    for (int i = 0; i < kClients; ++i) {
      v1::CreatePartnerRequest partner;
      partner.set_partner_id(absl::StrCat("c", i));
      partner.mutable_partner()->set_display_name("Courier");
      partner.mutable_partner()->add_kinds(v1::Partner::COURIER);
      partner.mutable_partner()->set_country("IT");
      partner.mutable_partner()->set_tracking_vocabulary("trackingVocabularies/plain");
      Must<v1::Partner>("PartnerService/CreatePartner", partner);
      carriers_.push_back(std::make_unique<Carrier>(i, channel_));
    }
  }

  // What was acknowledged of some parcels is there, once.
  void ExpectKept(const Carrier& carrier, std::mt19937_64& random) {
    for (int i = 0; i < kParcelsLookedAt && carrier.parcels() > 0; ++i) {
      const auto parcel = static_cast<int64_t>(random() % static_cast<uint64_t>(carrier.parcels()));
      v1::LookUpParcelRequest look;
      look.set_carrier(carrier.name());
      look.set_tracking_number(absl::StrCat("N", parcel));
      look.mutable_time()->set_seconds(kThirdOfAugust);
      const auto found = Must<v1::Parcel>("ParcelService/LookUpParcel", look);
      EXPECT_EQ(found.event_count(), carrier.EventsOf(parcel)) << found.ShortDebugString();
    }
  }

  // Of each carrier as many events are counted as were acknowledged: none is missing, none
  // is counted twice.
  void ExpectCounted(const Carrier& carrier) {
    v1::ComputeScorecardRequest request;
    request.set_dimension(v1::COURIER);
    request.set_value(carrier.name());
    request.mutable_begin_date()->set_year(2024);
    request.mutable_begin_date()->set_month(8);
    request.mutable_begin_date()->set_day(1);
    const auto scorecard = Must<v1::Scorecard>("ScorecardService/ComputeScorecard", request);
    EXPECT_EQ(scorecard.information(), carrier.events());
  }

  void ExpectSameAsRebuilt() {
    auto operation = Must<google::longrunning::Operation>("ScorecardService/RebuildScorecards",
                                                          v1::RebuildScorecardsRequest());
    google::longrunning::WaitOperationRequest wait;
    wait.set_name(operation.name());
    wait.mutable_timeout()->set_seconds(60);
    const absl::Status waited = CallUntilAnswered(
        channel_, "/google.longrunning.Operations/WaitOperation", wait, &operation);
    ASSERT_TRUE(waited.ok()) << waited;
    ASSERT_TRUE(operation.done());
    v1::RebuildScorecardsResponse rebuilt;
    ASSERT_TRUE(operation.response().UnpackTo(&rebuilt)) << operation.ShortDebugString();
    EXPECT_GT(rebuilt.scorecards(), 0);
    EXPECT_EQ(rebuilt.differing(), 0) << rebuilt.ShortDebugString();
  }

  template <class Kill>
  void KillAgainAndAgain(ServiceProcess& process, Kill kill) {
    std::mt19937_64 random{std::random_device()()};
    process.Start();
    channel_ = process.Connect();
    LoadRegisters();
    for (int i = 0; i < Kills(); ++i) {
      SCOPED_TRACE(i);
      std::atomic<bool> stop = false;
      std::atomic<int64_t> answers = 0;
      std::vector<std::thread> threads;
      for (const auto& carrier : carriers_) {
        threads.emplace_back([&] { carrier->Run(stop, answers); });
      }
      const auto wanted = static_cast<int64_t>(1 + random() % 200);
      while (answers < wanted && !HasFailure()) std::this_thread::yield();
      kill();
      stop = true;
      for (std::thread& thread : threads) thread.join();
      for (const auto& carrier : carriers_) {
        ExpectKept(*carrier, random);
        ExpectCounted(*carrier);
      }
      ExpectSameAsRebuilt();
      if (HasFailure()) return;
    }
  }

  testing::TemporaryFolder folder_;
  std::shared_ptr<grpc::Channel> channel_;
  std::vector<std::unique_ptr<Carrier>> carriers_;
};

TEST_F(IngestionCrashTest, KilledOnSqlite) {
  ServiceProcess process(Options("sqlite:" + folder_.Path("logistics.db")));
  KillAgainAndAgain(process, [&process] {
    process.Kill();
    process.Start();
  });
}

TEST_F(IngestionCrashTest, KilledOnPostgres) {
  PostgresServer postgres;
  ServiceProcess process(Options(postgres.url()));
  KillAgainAndAgain(process, [&process] {
    process.Kill();
    process.Start();
  });
}

TEST_F(IngestionCrashTest, PostgresCrashes) {
  PostgresServer postgres;
  ServiceProcess process(Options(postgres.url()));
  KillAgainAndAgain(process, [&postgres] { postgres.CrashAndRestart(); });
}

}  // namespace
}  // namespace caravan::fault
