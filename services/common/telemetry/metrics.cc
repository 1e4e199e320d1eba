#include "services/common/telemetry/metrics.h"

#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <ctime>
#include <utility>

#include "prometheus/text_serializer.h"

namespace caravan::telemetry {
namespace {

constexpr int kUnknown = 2;
constexpr const char* kCodeNames[] = {
    "OK",        "CANCELLED",      "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
    "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
    "ABORTED",   "OUT_OF_RANGE",   "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
    "DATA_LOSS", "UNAUTHENTICATED"};

// From a tenth of a millisecond, an in-memory read, to the longest deadline.
const prometheus::Histogram::BucketBoundaries& LatencyBuckets() {
  static const auto& buckets = *new prometheus::Histogram::BucketBoundaries{
      0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
      0.1,    0.25,    0.5,    1,     2.5,    5,     10,   30,    300};
  return buckets;
}

// What Linux tells of this process, read when asked for.
class ProcessMetrics : public prometheus::Collectable {
 public:
  std::vector<prometheus::MetricFamily> Collect() const override {
    std::vector<prometheus::MetricFamily> families;
    const auto add = [&](const char* name, const char* help, prometheus::MetricType type,
                         double value) {
      prometheus::ClientMetric metric;
      (type == prometheus::MetricType::Counter ? metric.counter.value : metric.gauge.value) = value;
      families.push_back({name, help, type, {metric}});
    };
    constexpr auto kGauge = prometheus::MetricType::Gauge;

    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    const auto seconds = [](const timeval& t) {
      return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
    };
    add("process_cpu_seconds_total", "CPU time used.", prometheus::MetricType::Counter,
        seconds(usage.ru_utime) + seconds(usage.ru_stime));

    long size = 0;  // in pages
    long resident = 0;
    if (FILE* file = std::fopen("/proc/self/statm", "re")) {
      if (std::fscanf(file, "%ld %ld", &size, &resident) != 2) size = resident = 0;
      std::fclose(file);
    }
    const auto page = static_cast<double>(sysconf(_SC_PAGESIZE));
    add("process_resident_memory_bytes", "Memory in RAM.", kGauge,
        static_cast<double>(resident) * page);
    add("process_virtual_memory_bytes", "Address space.", kGauge, static_cast<double>(size) * page);

    rlimit limit{};
    getrlimit(RLIMIT_NOFILE, &limit);
    add("process_open_fds", "Open file descriptors.", kGauge, CountEntries("/proc/self/fd"));
    add("process_max_fds", "Most file descriptors.", kGauge, static_cast<double>(limit.rlim_cur));
    add("process_threads", "Threads.", kGauge, CountEntries("/proc/self/task"));
    add("process_start_time_seconds", "When the process started, since 1970.", kGauge, start_);
    return families;
  }

 private:
  static double CountEntries(const char* path) {
    DIR* directory = opendir(path);
    if (directory == nullptr) return 0;
    int count = 0;
    while (const dirent* entry = readdir(directory)) {
      if (entry->d_name[0] != '.') ++count;
    }
    closedir(directory);
    return count;
  }

  const double start_ = static_cast<double>(std::time(nullptr));
};

}  // namespace

MethodMetrics::MethodMetrics(std::string service, std::string method,
                             prometheus::Family<prometheus::Counter>& handled,
                             prometheus::Family<prometheus::Counter>& received,
                             prometheus::Gauge& in_flight, prometheus::Histogram& latency)
    : service_(std::move(service)),
      method_(std::move(method)),
      handled_(handled),
      received_(received),
      in_flight_(in_flight),
      latency_(latency) {}

void MethodMetrics::Finished(int code, absl::Duration latency) {
  const size_t index = code < 0 || code >= static_cast<int>(by_code_.size()) ? kUnknown : code;
  prometheus::Counter* counter = by_code_[index].load(std::memory_order_acquire);
  if (counter == nullptr) {
    // Two threads that come here get the same counter.
    counter = &handled_.Add(
        {{"grpc_service", service_}, {"grpc_method", method_}, {"grpc_code", kCodeNames[index]}});
    by_code_[index].store(counter, std::memory_order_release);
  }
  counter->Increment();
  latency_.Observe(absl::ToDoubleSeconds(latency));
  in_flight_.Decrement();
}

void MethodMetrics::Received() {
  prometheus::Counter* counter = received_count_.load(std::memory_order_acquire);
  if (counter == nullptr) {
    counter = &received_.Add({{"grpc_service", service_}, {"grpc_method", method_}});
    received_count_.store(counter, std::memory_order_release);
  }
  counter->Increment();
}

Metrics::Metrics()
    : process_(std::make_shared<ProcessMetrics>()),
      handled_(prometheus::BuildCounter()
                   .Name("grpc_server_handled_total")
                   .Help("Calls that have ended, by status code.")
                   .Register(registry_)),
      received_(prometheus::BuildCounter()
                    .Name("grpc_server_msg_received_total")
                    .Help("Requests of the streams that calls take.")
                    .Register(registry_)),
      in_flight_(prometheus::BuildGauge()
                     .Name("grpc_server_in_flight")
                     .Help("Calls under way.")
                     .Register(registry_)),
      latency_(prometheus::BuildHistogram()
                   .Name("grpc_server_handling_seconds")
                   .Help("Time from the start of a call to its end.")
                   .Register(registry_)) {}

Metrics::~Metrics() = default;

MethodMetrics& Metrics::Method(std::string_view service, std::string_view method) {
  std::lock_guard lock(mutex_);
  auto& entry = methods_[{std::string(service), std::string(method)}];
  if (entry == nullptr) {
    const prometheus::Labels labels = {{"grpc_service", std::string(service)},
                                       {"grpc_method", std::string(method)}};
    entry.reset(new MethodMetrics(std::string(service), std::string(method), handled_, received_,
                                  in_flight_.Add(labels), latency_.Add(labels, LatencyBuckets())));
  }
  return *entry;
}

std::string Metrics::ToText() const {
  std::vector<prometheus::MetricFamily> families = registry_.Collect();
  for (auto& family : process_->Collect()) families.push_back(std::move(family));
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace caravan::telemetry
