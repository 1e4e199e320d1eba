#include "services/logistics/event_feed.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "services/common/api/errors.h"
#include "services/logistics/parcels_service.h"
#include "services/logistics/varint.h"

namespace caravan::logistics {

namespace {

constexpr std::string_view kReadPermission = "logistics.parcels.get";

absl::Status InvalidPosition() {
  return api::Error(absl::StatusCode::kInvalidArgument, "INVALID_POSITION",
                    "position is none that WatchEvents has given; leave it empty to begin now")
      .Field("position", "is none that WatchEvents has given");
}

}  // namespace

std::string EncodePosition(const std::vector<int64_t>& sequences) {
  std::string bytes;
  for (const int64_t sequence : sequences) {
    AppendVarint(static_cast<uint64_t>(sequence), &bytes);
  }
  return absl::WebSafeBase64Escape(bytes);
}

absl::StatusOr<std::vector<int64_t>> DecodePosition(std::string_view text, int buckets) {
  std::string bytes;
  if (!absl::WebSafeBase64Unescape(text, &bytes)) return InvalidPosition();
  std::string_view rest = bytes;
  std::vector<int64_t> sequences;
  while (!rest.empty()) {
    const std::optional<uint64_t> sequence = ReadVarint(&rest);
    if (!sequence || *sequence > uint64_t{1} << 62) return InvalidPosition();
    sequences.push_back(static_cast<int64_t>(*sequence));
  }
  if (sequences.size() != static_cast<size_t>(buckets)) return InvalidPosition();
  return sequences;
}

EventFeed::EventFeed(ParcelStore& store, ParcelKeeper& keeper, resources::Caller caller,
                     std::vector<int64_t> position)
    : store_(store), keeper_(keeper), caller_(std::move(caller)), position_(std::move(position)) {}

absl::Status EventFeed::Expired(int bucket, int64_t oldest) const {
  return api::Error(absl::StatusCode::kOutOfRange, "POSITION_EXPIRED",
                    absl::StrCat("position is at ", position_[static_cast<size_t>(bucket)],
                                 " in bucket ", bucket, ", but the oldest that the journal has is ",
                                 oldest, "; leave position empty to begin now"))
      .Field("position", "is older than what is kept");
}

absl::Status EventFeed::CheckRetained() {
  for (int bucket = 0; bucket < store_.buckets(); ++bucket) {
    auto page = store_.ReadJournal(bucket, position_[static_cast<size_t>(bucket)], 1);
    if (!page.ok()) return page.status();
    if (page->oldest > position_[static_cast<size_t>(bucket)] + 1) {
      return Expired(bucket, page->oldest);
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::optional<v1::WatchEventsResponse>> EventFeed::Next() {
  for (int looked = 0; looked < store_.buckets();) {
    int64_t& position = position_[static_cast<size_t>(bucket_)];
    auto page = store_.ReadJournal(bucket_, position, 1);
    if (!page.ok()) return page.status();
    if (page->oldest > position + 1) return Expired(bucket_, page->oldest);
    if (page->rows.empty()) {
      bucket_ = (bucket_ + 1) % store_.buckets();
      ++looked;
      continue;
    }
    auto response = ParcelKeeper::ParseJournal(page->rows[0].record);
    if (!response.ok()) return response.status();
    if (absl::Status s = LeaveOutUnreadable(*response); !s.ok()) return s;
    position = page->rows[0].sequence;
    // The next of another bucket, so that none has to wait for all of this one.
    bucket_ = (bucket_ + 1) % store_.buckets();
    if (response->entries().empty()) {
      looked = 0;
      continue;
    }
    response->set_position(EncodePosition(position_));
    return *std::move(response);
  }
  return std::nullopt;
}

absl::Status EventFeed::LeaveOutUnreadable(v1::WatchEventsResponse& response) {
  if (caller_.access->Everywhere(caller_.principal, kReadPermission)) return absl::OkStatus();
  absl::flat_hash_map<std::string, bool> readable;
  google::protobuf::RepeatedPtrField<v1::WatchEventsResponse::Entry> kept;
  for (v1::WatchEventsResponse::Entry& entry : *response.mutable_entries()) {
    auto [known, fresh] = readable.try_emplace(entry.parcel(), false);
    if (fresh) {
      absl::StatusOr<v1::Parcel> parcel = keeper_.Get(entry.parcel());
      // One that has expired since is nobody's to read.
      if (!parcel.ok() && !absl::IsNotFound(parcel.status())) return parcel.status();
      known->second = parcel.ok() && Permits(caller_, *parcel, kReadPermission);
    }
    if (known->second) *kept.Add() = std::move(entry);
  }
  response.mutable_entries()->Swap(&kept);
  return absl::OkStatus();
}

}  // namespace caravan::logistics
