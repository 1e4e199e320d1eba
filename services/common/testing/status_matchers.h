// Matchers for errors: a test asserts reason and field, not only a code.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gmock/gmock.h"
#include "services/common/api/errors.h"

namespace caravan::testing {

inline const absl::Status& StatusOf(const absl::Status& status) { return status; }
template <class T>
const absl::Status& StatusOf(const absl::StatusOr<T>& result) {
  return result.status();
}

MATCHER(IsOk, "is OK") {
  *result_listener << StatusOf(arg).ToString();
  return StatusOf(arg).ok();
}

// An error of a code and reason.
MATCHER_P2(Fails, code, reason, "fails with a code and reason") {
  const absl::Status& status = StatusOf(arg);
  *result_listener << status.ToString() << " [" << api::ReasonOf(status) << "]";
  return status.code() == code && api::ReasonOf(status) == reason;
}

// An error of a code and reason that blames exactly these fields, in order.
MATCHER_P3(FailsAt, code, reason, fields, "fails with a code, a reason and fields") {
  const absl::Status& status = StatusOf(arg);
  const std::vector<std::string> blamed = api::FieldsOf(status);
  *result_listener << status.ToString() << " [" << api::ReasonOf(status) << "] at "
                   << ::testing::PrintToString(blamed);
  return status.code() == code && api::ReasonOf(status) == reason &&
         blamed == std::vector<std::string>(fields);
}

inline std::vector<std::string> Fields(std::initializer_list<std::string> fields) { return fields; }

}  // namespace caravan::testing
