#include "services/common/resources/requests.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "services/common/api/errors.h"
#include "services/common/api/sha256.h"
#include "services/common/api/standard_method.h"
#include "services/common/resources/records.pb.h"
#include "services/common/resources/registry.h"
#include "services/common/resources/wire.h"

namespace caravan::resources {

namespace {

constexpr int kExpiredAtOnce = 1000;

std::string Key(const Caller& caller) {
  return absl::StrCat(caller.principal.name, "\n", caller.method, "\n", caller.request_id);
}

std::string Digest(const google::protobuf::Message& request) {
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream out(&stream);
    out.SetSerializationDeterministic(true);
    request.SerializeToCodedStream(&out);
  }
  return std::string(api::AsText(api::Sha256(bytes)));
}

}  // namespace

absl::StatusOr<std::optional<std::string>> FindAnswer(store::Reader& reader, const Caller& caller,
                                                      const google::protobuf::Message& request) {
  const std::string key = Key(caller);
  reader.ExpectAbsent(kRequests, key);
  absl::StatusOr<std::optional<store::Row>> row = reader.Get(kRequests, key);
  if (!row.ok()) return row.status();
  if (!row->has_value()) return std::nullopt;
  RequestRecord record;
  if (!record.ParseFromString((*row)->data)) return absl::DataLossError("request row");
  if (record.expire_time() <= absl::ToUnixMicros(caller.now)) return std::nullopt;
  if (record.digest() != Digest(request)) {
    return api::Error(absl::StatusCode::kInvalidArgument, "REQUEST_ID_REUSED",
                      absl::StrCat("request_id ", caller.request_id,
                                   " was used within 24 hours for another request; a new request "
                                   "needs a new id"))
        .With("request_id", caller.request_id)
        .Field("request_id", "was used for another request");
  }
  if (record.changes() == 0) return record.answer();
  std::string answer;
  int64_t found = 0;  // with their images
  store::ChangeScan scan;
  scan.begin_revision = record.first_revision();
  scan.end_revision = record.first_revision() + record.changes();
  absl::Status s = reader.ScanChanges(scan, [&](store::Change& change) {
    if (!change.images_expired) ++found;
    if (record.batch_field() == 0) {
      answer = std::move(change.after);
    } else {
      AppendField(answer, record.batch_field(), change.after);
    }
    return true;
  });
  if (!s.ok()) return s;
  if (found != record.changes()) return absl::DataLossError("the changes of an answer are gone");
  return answer;
}

void KeepAnswer(store::Transaction& tx, const Caller& caller,
                const google::protobuf::Message& request,
                const google::protobuf::Descriptor& response, std::string_view answer) {
  RequestRecord record;
  record.set_digest(Digest(request));
  const absl::Time expire = caller.now + kRequestRetention;
  record.set_expire_time(absl::ToUnixMicros(expire));
  const auto changes = tx.changes();
  const auto* batch = api::RepeatedResource(response);
  std::string images;
  for (const store::Change& change : changes) {
    if (batch == nullptr) {
      images = change.after;
    } else {
      AppendField(images, batch->number(), change.after);
    }
  }
  const bool made_of_images =
      (batch != nullptr || changes.size() == 1) && !changes.empty() && images == answer;
  std::vector<store::Value> columns = {absl::ToUnixMicros(expire)};
  if (!made_of_images) {
    record.set_answer(std::string(answer));
    tx.Put(kRequests, Key(caller), record.SerializeAsString(), std::move(columns));
    return;
  }
  record.set_changes(static_cast<int64_t>(changes.size()));
  if (batch != nullptr) record.set_batch_field(batch->number());
  tx.PutAtCommit(
      kRequests, Key(caller),
      [record = std::move(record)](int64_t end_revision) mutable {
        record.set_first_revision(end_revision - record.changes() + 1);
        return record.SerializeAsString();
      },
      std::move(columns));
}

absl::StatusOr<int> ExpireAnswers(store::Store& store, absl::Time now) {
  std::vector<std::string> keys;
  store::ScanSpec scan;
  scan.table = kRequests;
  scan.terms = {{0, store::Term::Op::kLess, {absl::ToUnixMicros(now)}}};
  scan.order = {{0, false}};
  scan.limit = kExpiredAtOnce;
  absl::Status s = store.Read([&](store::Reader& reader) {
    keys.clear();
    return reader.Scan(scan, [&](store::Row& row) {
      keys.push_back(std::move(row.key));
      return true;
    });
  });
  if (!s.ok()) return s;
  if (keys.empty()) return 0;
  // An id that is used again meanwhile has a new answer, which stays.
  auto committed = store.WriteAndWait([&](store::Transaction& tx) -> absl::Status {
    auto rows = tx.GetMany(kRequests, keys);
    if (!rows.ok()) return rows.status();
    for (std::optional<store::Row>& row : *rows) {
      RequestRecord record;
      if (row.has_value() && record.ParseFromString(row->data) &&
          record.expire_time() < absl::ToUnixMicros(now)) {
        tx.Delete(kRequests, row->key);
      }
    }
    return absl::OkStatus();
  });
  if (!committed.ok()) return committed.status();
  return static_cast<int>(keys.size());
}

}  // namespace caravan::resources
