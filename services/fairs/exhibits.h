// Who takes part in a section: a row for each exhibitor and kind, and one for each
// joint partner, that names the application.
//
// The rows are guards (see store::Transaction): whoever takes a place reads and
// writes its row, so that of two transactions that find it free, one is run again. A
// row is never taken back: it counts while the application that it names does.
#pragma once

#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "caravan/fairs/v1/applications.pb.h"
#include "services/common/resources/registry.h"
#include "services/fairs/eligibility.h"

namespace caravan::fairs {

// Takes the place of an application: of its exhibitor, section and kind.
// ALREADY_EXISTS with reason APPLICATION_EXISTS where another has it, unless that is
// WITHDRAWN.
absl::Status TakePlace(const resources::Writing& writing, const v1::Application& application);

// Takes the places of its joint partners.
void TakePartners(store::Transaction& tx, const v1::Application& application);

// The enterprise's applications of other kinds in the section, whatever their state.
absl::StatusOr<std::vector<v1::Application>> OthersOf(const resources::Registry& registry,
                                                      store::Reader& reader,
                                                      const v1::Application& application);

// By what else the enterprise takes part as a joint partner, and by what its joint
// partners do at all, all of it under way.
absl::StatusOr<std::vector<Exhibit>> ExhibitsOf(const resources::Registry& registry,
                                                store::Reader& reader,
                                                const v1::Application& application);

}  // namespace caravan::fairs
