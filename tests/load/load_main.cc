// caravan-load: keeps calls outstanding against a server and writes what it saw
// as one line of JSON. Not a benchmark by itself: tests/load/run is.
#include <algorithm>
#include <cstdio>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/util/json_util.h"
#include "tests/load/client.h"
#include "tests/load/workloads.h"

ABSL_FLAG(std::string, address, "", "host:port or unix:path of the server");
ABSL_FLAG(std::string, tls, "", "folder with ca.pem, load.pem and load.key; empty: no TLS");
ABSL_FLAG(std::string, token, "",
          "file with a bearer token, sent instead of presenting a certificate; with --tls");
ABSL_FLAG(std::string, principal, "", "who calls, where there is no TLS");
ABSL_FLAG(int, outstanding, 64, "calls outstanding");
ABSL_FLAG(int, connections, 1, "connections that the calls share");
ABSL_FLAG(double, seconds, 5, "how long to measure");
ABSL_FLAG(double, warm_up, 1, "how long to call before that, in seconds");
ABSL_FLAG(int, server_pid, 0, "process whose CPU time is measured");
ABSL_FLAG(int64_t, rows, 10000, "enterprises that the server has, or is to be filled with");
ABSL_FLAG(int64_t, working_set, 10000, "enterprises or keys that are written");
ABSL_FLAG(std::string, filter, "pilot_zone = \"pilotZones/hangzhou\"", "what to list");
ABSL_FLAG(int, page_size, 50, "size of a page");
ABSL_FLAG(int64_t, skip, 0, "enterprises before the page");
ABSL_FLAG(int, request_bytes, 32, "size of an echo's request");
ABSL_FLAG(int, value_bytes, 600, "size of an etcd value");

namespace caravan::load {
namespace {

absl::StatusOr<std::unique_ptr<Workload>> MakeWorkload(
    const std::string& mode, const std::shared_ptr<grpc::Channel>& channel,
    const Endpoint& endpoint, LoadOptions& options) {
  const int64_t rows = absl::GetFlag(FLAGS_rows);
  const int64_t working_set = std::min(rows, absl::GetFlag(FLAGS_working_set));
  if (mode == "fill") {
    if (absl::Status status = LoadZones(channel, endpoint); !status.ok()) return status;
    options.calls = FillCalls(0, rows);
    options.warm_up = absl::ZeroDuration();
    options.duration = absl::InfiniteDuration();
    return MakeFill(0, rows);
  }
  if (mode == "get") return MakeGet(rows);
  if (mode == "update") {
    return MakeUpdate(channel, endpoint, rows, working_set, options.outstanding);
  }
  if (mode == "list") {
    return MakeList(channel, endpoint, absl::GetFlag(FLAGS_filter), absl::GetFlag(FLAGS_page_size),
                    absl::GetFlag(FLAGS_skip));
  }
  if (mode == "echo") return MakeEcho(absl::GetFlag(FLAGS_request_bytes));
  if (mode == "etcd") {
    return MakeEtcd(absl::GetFlag(FLAGS_working_set), absl::GetFlag(FLAGS_value_bytes));
  }
  return absl::InvalidArgumentError(absl::StrCat("there is no mode '", mode, "'"));
}

std::string ToJson(const LoadResult& result) {
  google::protobuf::Struct json;
  auto& fields = *json.mutable_fields();
  const double calls = std::max<double>(1, static_cast<double>(result.calls));
  const double seconds = absl::ToDoubleSeconds(result.elapsed);
  fields["calls"].set_number_value(static_cast<double>(result.calls));
  fields["errors"].set_number_value(static_cast<double>(result.errors));
  fields["first_error"].set_string_value(result.first_error);
  fields["seconds"].set_number_value(seconds);
  fields["rate"].set_number_value(seconds > 0 ? static_cast<double>(result.calls) / seconds : 0);
  fields["p50_us"].set_number_value(absl::ToDoubleMicroseconds(result.p50));
  fields["p99_us"].set_number_value(absl::ToDoubleMicroseconds(result.p99));
  fields["server_cpu_us"].set_number_value(absl::ToDoubleMicroseconds(result.server_cpu) / calls);
  fields["client_cpu_us"].set_number_value(absl::ToDoubleMicroseconds(result.client_cpu) / calls);
  fields["request_bytes"].set_number_value(static_cast<double>(result.request_bytes));
  fields["response_bytes"].set_number_value(static_cast<double>(result.response_bytes));
  std::string text;
  return google::protobuf::util::MessageToJsonString(json, &text).ok() ? text : "{}";
}

absl::Status Main(const std::string& mode) {
  Endpoint endpoint;
  endpoint.address = absl::GetFlag(FLAGS_address);
  endpoint.principal = absl::GetFlag(FLAGS_principal);
  if (const std::string tls = absl::GetFlag(FLAGS_tls); !tls.empty()) {
    endpoint.ca = tls + "/ca.pem";
    if (const std::string token = absl::GetFlag(FLAGS_token); !token.empty()) {
      std::ifstream file(token);
      if (!(file >> endpoint.token)) {
        return absl::NotFoundError(absl::StrCat("there is no token in ", token));
      }
    } else {
      endpoint.certificate = tls + "/load.pem";
      endpoint.key = tls + "/load.key";
    }
  }
  LoadOptions options;
  options.outstanding = absl::GetFlag(FLAGS_outstanding);
  options.duration = absl::Seconds(absl::GetFlag(FLAGS_seconds));
  options.warm_up = absl::Seconds(absl::GetFlag(FLAGS_warm_up));
  options.server_pid = absl::GetFlag(FLAGS_server_pid);
  options.connections = absl::GetFlag(FLAGS_connections);
  auto channel = Connect(endpoint);
  if (!channel.ok()) return channel.status();
  auto workload = MakeWorkload(mode, *channel, endpoint, options);
  if (!workload.ok()) return workload.status();
  const absl::StatusOr<LoadResult> result = Run(endpoint, **workload, options);
  if (!result.ok()) return result.status();
  std::printf("%s\n", ToJson(*result).c_str());
  if (result->errors > 0) return absl::AbortedError(result->first_error);
  return absl::OkStatus();
}

}  // namespace
}  // namespace caravan::load

int main(int argc, char** argv) {
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);  // as the services do
  absl::SetProgramUsageMessage("caravan-load fill|get|update|list|echo|etcd --address ...");
  const std::vector<char*> arguments = absl::ParseCommandLine(argc, argv);
  if (arguments.size() != 2) {
    std::fprintf(stderr, "%s\n", std::string(absl::ProgramUsageMessage()).c_str());
    return 2;
  }
  const absl::Status status = caravan::load::Main(arguments[1]);
  if (status.ok()) return 0;
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return 1;
}
