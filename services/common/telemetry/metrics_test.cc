#include "services/common/telemetry/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace caravan::telemetry {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;

TEST(MetricsTest, CountsCallsByMethodAndCode) {
  Metrics metrics;
  MethodMetrics& get = metrics.Method("caravan.S", "Get");
  EXPECT_EQ(&metrics.Method("caravan.S", "Get"), &get);
  get.Started();
  get.Started();
  get.Started();
  get.Finished(0, absl::Milliseconds(3));
  get.Finished(99, absl::Seconds(1));
  const std::string text = metrics.ToText();
  EXPECT_THAT(text, HasSubstr("grpc_server_handled_total{grpc_code=\"OK\",grpc_method=\"Get\","
                              "grpc_service=\"caravan.S\"} 1"));
  EXPECT_THAT(text, HasSubstr("grpc_code=\"UNKNOWN\""));
  EXPECT_THAT(text,
              HasSubstr("grpc_server_in_flight{grpc_method=\"Get\",grpc_service=\"caravan.S\"} 1"));
  EXPECT_THAT(text, HasSubstr("grpc_server_handling_seconds_count{grpc_method=\"Get\","
                              "grpc_service=\"caravan.S\"} 2"));
  EXPECT_THAT(text, HasSubstr("grpc_service=\"caravan.S\",le=\"0.005\"} 1"));
}

TEST(MetricsTest, CountsFromManyThreads) {
  Metrics metrics;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      MethodMetrics& method = metrics.Method("S", "M");
      for (int i = 0; i < 1000; ++i) {
        method.Started();
        method.Finished(i % 2 == 0 ? 0 : 5, absl::Microseconds(i));
      }
    });
  }
  for (auto& thread : threads) thread.join();
  const std::string text = metrics.ToText();
  EXPECT_THAT(text, HasSubstr("grpc_code=\"OK\",grpc_method=\"M\",grpc_service=\"S\"} 2000"));
  EXPECT_THAT(text,
              HasSubstr("grpc_code=\"NOT_FOUND\",grpc_method=\"M\",grpc_service=\"S\"} 2000"));
  EXPECT_THAT(text, HasSubstr("grpc_server_in_flight{grpc_method=\"M\",grpc_service=\"S\"} 0"));
}

TEST(MetricsTest, DescribesTheProcess) {
  const std::string text = Metrics().ToText();
  for (const char* name : {"process_cpu_seconds_total", "process_resident_memory_bytes",
                           "process_open_fds", "process_max_fds", "process_threads"}) {
    EXPECT_THAT(text, ContainsRegex(std::string("\n") + name + " [0-9.]*[1-9]"));
  }
}

}  // namespace
}  // namespace caravan::telemetry
