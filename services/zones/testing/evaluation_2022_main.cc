// Writes the evaluation of 2022 as documents for `caravanctl apply -f -`, and with
// `--submissions` its submissions for `caravanctl apply --load -f -`.
#include <iostream>
#include <string>
#include <string_view>

#include "google/protobuf/util/json_util.h"
#include "services/zones/testing/evaluation_2022.h"
#include "services/zones/testing/reference_data.h"

namespace {

// JSON is YAML.
bool Write(const google::protobuf::Message& message) {
  std::string json;
  if (!google::protobuf::util::MessageToJsonString(message, &json).ok()) return false;
  std::cout << "---\n" << json << "\n";
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  namespace testing = caravan::zones::testing;
  if (argc == 1) return Write(testing::Evaluation2022()) ? 0 : 1;
  if (argc != 2 || std::string_view(argv[1]) != "--submissions") return 2;
  auto zones =
      testing::ReadCsv<caravan::zones::v1::PilotZone>(CARAVAN_REFERENCE_DATA "/pilot_zones.csv");
  if (!zones.ok()) {
    std::cerr << zones.status() << "\n";
    return 1;
  }
  for (const auto& submission : testing::SubmissionsOf2022(*zones)) {
    if (!Write(submission)) return 1;
  }
  return 0;
}
