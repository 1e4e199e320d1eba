// The rules for every write of invitations.
#pragma once

#include "absl/status/status.h"
#include "caravan/fairs/v1/invitations.pb.h"
#include "services/common/resources/registry.h"

namespace caravan::fairs {

absl::Status PrepareInvitation(const resources::Writing& writing, const v1::Invitation* before,
                               v1::Invitation& after);

}  // namespace caravan::fairs
