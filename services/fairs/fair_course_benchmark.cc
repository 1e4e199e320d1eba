// How long an edition's course takes through real servers, and how much memory.
//
//   fair_course_benchmark [SIXTEENTHS [STORE]]
//
// 16 sixteenths, the default, are an edition of full size; STORE is the setting of the
// fairs service, SQLite in a temporary folder by default. The servers and their caller
// are one process: memory is that of all three, and that of the caller is said first.
#include <stdio.h>
#include <sys/resource.h>

#include <atomic>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "services/fairs/testing/edition_server.h"

namespace caravan::fairs::testing {
namespace {

using v1::Allocation;
using v1::Application;

constexpr int kCallers = 32;
constexpr size_t kExplained = 200;

double CpuSeconds() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// The most that was resident so far.
long Mebibytes() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss / 1024;
}

// Does a step, and prints what it took.
template <class Step>
void Measure(const char* name, Step step) {
  const absl::Time begin = absl::Now();
  const double cpu = CpuSeconds();
  const std::string outcome = step();
  printf("%-22s  %9.2f  %9.2f  %6ld  %s\n", name, absl::ToDoubleSeconds(absl::Now() - begin),
         CpuSeconds() - cpu, Mebibytes(), outcome.c_str());
  fflush(stdout);
}

std::string ConfirmAll(EditionServer& server) {
  std::vector<std::string> allotted;
  for (const Application& application : server.Applications()) {
    if (application.state() == Application::ALLOTTED) allotted.push_back(application.name());
  }
  std::atomic<size_t> next = 0;
  std::vector<std::thread> callers;
  for (int i = 0; i < kCallers; ++i) {
    callers.emplace_back([&] {
      for (size_t one = next++; one < allotted.size(); one = next++) {
        v1::ConfirmApplicationRequest request;
        request.set_name(allotted[one]);
        server.Must<Application>("ApplicationService/ConfirmApplication", request);
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  return absl::StrCat(allotted.size(), " applications");
}

std::string ExplainSome(EditionServer& server) {
  const std::vector<Application> applications = server.Applications();
  size_t explained = 0;
  for (size_t i = 0; i < applications.size() && explained < kExplained; i += 7) {
    if (applications[i].allocation().empty()) continue;
    ++explained;
    v1::ExplainApplicationRequest request;
    request.set_name(applications[i].name());
    server.Must<v1::ExplainApplicationResponse>("ApplicationService/ExplainApplication", request);
  }
  return absl::StrCat(explained, " applications");
}

void RunStage(EditionServer& server, v1::Stage stage) {
  printf("%s\n", v1::Stage_Name(stage).c_str());
  v1::Snapshot snapshot;
  Measure("  freeze", [&] {
    snapshot = server.Freeze(stage);
    return absl::StrCat(snapshot.applications(), " applications");
  });
  server.Draw(stage);
  Allocation run;
  Measure("  run", [&] {
    run = server.Run(snapshot);
    return absl::StrCat(run.booths(), " booths to ", run.firms(), " firms, bound ",
                        run.booths_bound());
  });
  Measure("  publish", [&] { return server.Publish(run.name()).name(); });
  Measure("  bundles, verified", [&] {
    const auto problems = EditionServer::Problems(server.Bundles(run));
    return absl::StrCat(problems.size(), " findings");
  });
  if (stage != v1::PLACEMENT) Measure("  confirm", [&] { return ConfirmAll(server); });
  Measure("  explain", [&] { return ExplainSome(server); });
}

void RunCourse(int sixteenths, std::string store) {
  EditionOptions options;
  options.booths = options.booths * sixteenths / 16;
  options.applications = options.applications * sixteenths / 16;
  EditionServer server(MakeEdition(options), std::move(store));
  printf("%-22s  %9s  %9s  %6s\n", "step", "seconds", "CPU s", "MiB");
  Measure("caller", [] { return ""; });
  Measure("registers and firms", [&] {
    server.LoadRegisters();
    return absl::StrCat(server.edition().enterprises.size(), " firms");
  });
  Measure("load applications", [&] {
    server.LoadApplications(server.edition().applications);
    return absl::StrCat(server.edition().applications.size(), " applications");
  });
  Measure("close, divide quotas", [&] {
    server.CloseApplications();
    return absl::StrCat(server.edition().quotas.size(), " quotas");
  });
  for (const v1::Stage stage : {v1::BRAND, v1::GENERAL, v1::PLACEMENT}) RunStage(server, stage);
}

}  // namespace
}  // namespace caravan::fairs::testing

int main(int argc, char** argv) {
  int sixteenths = 16;
  if (argc > 3 || (argc > 1 && (!absl::SimpleAtoi(argv[1], &sixteenths) || sixteenths < 1 ||
                                sixteenths > 64))) {
    fprintf(stderr, "usage: fair_course_benchmark [sixteenths of an edition, 1 to 64 [store]]\n");
    return 2;
  }
  // Steps that fail say so by GoogleTest.
  ::testing::InitGoogleTest();
  caravan::fairs::testing::RunCourse(sixteenths, argc > 2 ? argv[2] : "");
}
