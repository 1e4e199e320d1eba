// The registers of partners, partnerships and lanes as the keeper of parcels asks for
// them: a copy in memory of what the administrative store has.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "services/common/resources/registry.h"
#include "services/common/store/store.h"
#include "services/logistics/registers.h"

namespace caravan::logistics {

class RegisterBook : public Registers {
 public:
  // Reads the registers. Both outlive it.
  static absl::StatusOr<std::unique_ptr<RegisterBook>> Open(const resources::Registry& registry,
                                                            store::Store& store);
  ~RegisterBook() override;

  // Reads the registers again where the store has changed since. Whether they are
  // others now.
  absl::StatusOr<bool> Refresh();

  // What is not there is looked for once more in the newest state before it is
  // NOT_FOUND; UNAVAILABLE where the store is away.
  absl::StatusOr<std::shared_ptr<const Carrier>> FindCarrier(std::string_view name) override;
  absl::StatusOr<std::shared_ptr<const Partnership>> FindPartnership(
      std::string_view name) override;
  absl::StatusOr<std::shared_ptr<const Lane>> FindLane(std::string_view name) override;
  std::shared_ptr<const Agreed> TermsOf(std::string_view partnership, std::string_view lane,
                                        std::string_view postal_code,
                                        absl::Time announced) override;

 private:
  struct Page;

  RegisterBook(const resources::Registry& registry, store::Store& store);
  absl::StatusOr<std::shared_ptr<const Page>> Read() const;
  std::shared_ptr<const Page> Current() const;

  static std::shared_ptr<const Agreed> WorkOut(const Page& page, std::string_view partnership,
                                               std::string_view lane, std::string_view postal_code,
                                               absl::Time announced);

  template <class T, class Message>
  absl::StatusOr<std::shared_ptr<const T>> Find(
      std::string_view name, absl::FunctionRef<std::shared_ptr<const T>(const Page& page)> find);

  const resources::Registry& registry_;
  store::Store& store_;
  absl::Mutex refreshing_;
  mutable absl::Mutex mutex_;
  std::shared_ptr<const Page> page_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace caravan::logistics
