// What comes one after another: the resources of a list, page by page; the
// messages of a stream; the changes of a feed.
#pragma once

#include <cstddef>
#include <functional>
#include <iterator>
#include <optional>
#include <utility>

#include "absl/status/statusor.h"

namespace caravan::client {

//   for (const auto& zone : zones.ListPilotZones(request)) {
//     if (!zone.ok()) return zone.status();
//     Use(*zone);
//   }
//
// An error is the last element. Elements are fetched as they are asked for;
// leaving the loop early fetches no more. Not for several threads.
template <class T>
class Results {
 public:
  using value_type = absl::StatusOr<T>;
  // The next one; nothing after the last.
  using NextFunction = std::function<absl::StatusOr<std::optional<T>>()>;

  explicit Results(NextFunction next) : next_(std::move(next)) {}
  Results(Results&&) noexcept = default;
  Results& operator=(Results&&) noexcept = default;

  // The next one; nothing after the last, and after an error.
  absl::StatusOr<std::optional<T>> Next() {
    if (ended_) return std::optional<T>();
    auto next = next_();
    ended_ = !next.ok() || !next->has_value();
    return next;
  }

  class Iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = absl::StatusOr<T>;
    using difference_type = std::ptrdiff_t;
    using pointer = value_type*;
    using reference = value_type&;

    Iterator() = default;
    explicit Iterator(Results* results) : results_(results) { ++*this; }

    reference operator*() const { return *results_->current_; }
    pointer operator->() const { return &*results_->current_; }
    Iterator& operator++() {
      auto next = results_->Next();
      if (!next.ok()) {
        results_->current_.emplace(next.status());
      } else if (next->has_value()) {
        results_->current_.emplace(*std::move(*next));
      } else {
        results_ = nullptr;
      }
      return *this;
    }
    void operator++(int) { ++*this; }
    bool operator==(const Iterator& other) const { return results_ == other.results_; }

   private:
    Results* results_ = nullptr;  // null: the end
  };

  // Fetches the first. Once only.
  Iterator begin() { return Iterator(this); }
  Iterator end() { return Iterator(); }

 private:
  NextFunction next_;
  bool ended_ = false;
  std::optional<absl::StatusOr<T>> current_;
};

}  // namespace caravan::client
