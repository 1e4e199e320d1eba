// How long the compliance standings of many enterprises take, from call to
// answer.
//
//   compliance_benchmark <store> <enterprises> <complaints> <calls>
//
// for example `compliance_benchmark sqlite:/tmp/bench.db 20000 40000 50`; the store
// is new.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "caravan/zones/v1/complaints.pb.h"
#include "caravan/zones/v1/compliance.pb.h"
#include "caravan/zones/v1/enterprises.pb.h"
#include "caravan/zones/v1/pilot_zones.pb.h"
#include "services/common/testing/random.h"
#include "services/common/testing/test_server.h"
#include "services/zones/zones.h"
#include "tests/load/enterprises.h"

namespace caravan::load {
namespace {

namespace v1 = zones::v1;

constexpr int kBatch = 1000;
constexpr int kYears = 10;  // over which the complaints are spread

template <class T>
T Need(absl::StatusOr<T> result) {
  if (!result.ok()) {
    std::fprintf(stderr, "%s\n", result.status().ToString().c_str());
    std::exit(1);
  }
  return *std::move(result);
}

v1::Complaint MakeComplaint(int number, const std::string& enterprise) {
  caravan::testing::Random random(static_cast<uint64_t>(number));
  v1::Complaint complaint;
  complaint.set_name(absl::StrCat("complaints/c", number));
  complaint.set_enterprise(enterprise);
  complaint.set_subject(v1::Complaint::FAIR_COMPETITION);
  complaint.set_title("A complaint");
  complaint.set_description(std::string(500, 'x'));
  complaint.set_state(v1::Complaint::UPHELD);
  const int year = 2015 + static_cast<int>(random.Below(kYears));
  complaint.mutable_filing_date()->set_year(year);
  *complaint.mutable_acceptance_date() = complaint.filing_date();
  v1::Complaint::Finding& finding = *complaint.mutable_finding();
  finding.set_measure(static_cast<v1::Complaint::Measure>(1 + random.Below(4)));
  finding.set_statement("What was found");
  *finding.mutable_decision_date() = complaint.filing_date();
  finding.mutable_end_date()->set_year(year + 1);
  return complaint;
}

void Load(const caravan::testing::TestServer& server, int enterprises, int complaints,
          std::vector<std::string>& names) {
  v1::LoadPilotZonesRequest loaded;
  for (int zone = 0; zone < kZones; ++zone) *loaded.add_pilot_zones() = MakeZone(zone);
  Need(server.Call<v1::LoadPilotZonesResponse>("PilotZoneService/LoadPilotZones", loaded));
  for (int begin = 0; begin < enterprises; begin += kBatch) {
    v1::LoadEnterprisesRequest request;
    for (int i = begin; i < std::min(begin + kBatch, enterprises); ++i) {
      *request.add_enterprises() = MakeEnterprise(i);
      names.push_back(EnterpriseName(i));
    }
    Need(server.Call<v1::LoadEnterprisesResponse>("EnterpriseService/LoadEnterprises", request));
  }
  caravan::testing::Random random(2);
  for (int begin = 0; begin < complaints; begin += kBatch) {
    v1::LoadComplaintsRequest request;
    for (int i = begin; i < std::min(begin + kBatch, complaints); ++i) {
      *request.add_complaints() = MakeComplaint(i, random.Pick(names));
    }
    Need(server.Call<v1::LoadComplaintsResponse>("ComplaintService/LoadComplaints", request));
  }
}

int Run(const std::string& store, int enterprises, int complaints, int calls) {
  auto server = caravan::testing::TestServer::Start({.definition = zones::ZonesDefinition(),
                                                     .access = {},
                                                     .store = store,
                                                     .clock = absl::Now,
                                                     .adjust = nullptr});
  std::vector<std::string> names;
  Load(*server, enterprises, complaints, names);
  std::vector<double> millis;
  caravan::testing::Random random(3);
  int findings = 0;
  for (int call = 0; call < calls; ++call) {
    v1::BatchComputeComplianceStandingsRequest request;
    for (int i = 0; i < kBatch; ++i) request.add_names(random.Pick(names));
    request.mutable_effective_date()->set_year(2020);
    request.mutable_effective_date()->set_month(6);
    const absl::Time begin = absl::Now();
    const auto response = Need(server->Call<v1::BatchComputeComplianceStandingsResponse>(
        "ComplianceService/BatchComputeComplianceStandings", request));
    millis.push_back(absl::ToDoubleMilliseconds(absl::Now() - begin));
    for (const auto& standing : response.standings()) findings += standing.findings_size();
  }
  std::sort(millis.begin(), millis.end());
  std::printf(
      "%d standings a call, %d enterprises, %d complaints, %.1f findings a call: median %.1f ms, "
      "slowest %.1f ms of %d calls\n",
      kBatch, enterprises, complaints, static_cast<double>(findings) / calls,
      millis[millis.size() / 2], millis.back(), calls);
  return 0;
}

}  // namespace
}  // namespace caravan::load

int main(int argc, char** argv) {
  int enterprises = 0, complaints = 0, calls = 0;
  if (argc != 5 || !absl::SimpleAtoi(argv[2], &enterprises) || enterprises < 1 ||
      !absl::SimpleAtoi(argv[3], &complaints) || !absl::SimpleAtoi(argv[4], &calls) || calls < 1) {
    std::fprintf(stderr, "usage: %s <store> <enterprises> <complaints> <calls>\n", argv[0]);
    return 2;
  }
  return caravan::load::Run(argv[1], enterprises, complaints, calls);
}
