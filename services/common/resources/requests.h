// Answers by request id (AIP-155): a repeat within 24 hours returns the first
// answer, also after a crash or through another replica.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "google/protobuf/message.h"
#include "services/common/resources/caller.h"
#include "services/common/store/store.h"

namespace caravan::resources {

inline constexpr absl::Duration kRequestRetention = absl::Hours(24);

// The answer of an earlier call of this principal and method with the caller's
// request id; nothing where there is none. INVALID_ARGUMENT where that had
// another body. In a transaction it reads the row, so that two calls at once
// cannot both go on.
absl::StatusOr<std::optional<std::string>> FindAnswer(store::Reader& reader, const Caller& caller,
                                                      const google::protobuf::Message& request);

// Keeps an answer, in the transaction of the change. What is kept is where the
// answer stands in the change log, where it is made of the changes' images.
void KeepAnswer(store::Transaction& tx, const Caller& caller,
                const google::protobuf::Message& request,
                const google::protobuf::Descriptor& response, std::string_view answer);

// Deletes the answers that are no longer needed; returns how many at the most
// 1,000.
absl::StatusOr<int> ExpireAnswers(store::Store& store, absl::Time now);

}  // namespace caravan::resources
