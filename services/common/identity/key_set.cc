#include "services/common/identity/key_set.h"

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "services/common/identity/json.h"

namespace caravan::identity {

namespace json = boost::json;

absl::StatusOr<std::shared_ptr<const KeySet>> KeySet::Parse(std::string_view text) {
  if (absl::StartsWith(text, "-----BEGIN CERTIFICATE-----")) {
    const absl::StatusOr<json::object> jwk = CertifiedJwk(text);
    if (!jwk.ok()) return jwk.status();
    return Parse(WriteKeySet({*jwk}));
  }
  // A set, its list, a key, the list of its certificates.
  const std::optional<json::object> set = ParseJsonObject(text, 8);
  const json::value* keys = set.has_value() ? set->if_contains("keys") : nullptr;
  if (keys == nullptr || !keys->is_array()) {
    return absl::InvalidArgumentError(
        "this is no JSON Web Key Set: {\"keys\": [...]}, with no member twice");
  }
  auto result = std::make_shared<KeySet>();
  int number = 0;
  for (const json::value& entry : keys->get_array()) {
    ++number;
    const json::object* jwk = entry.if_object();
    if (jwk == nullptr) {
      return absl::InvalidArgumentError(absl::StrCat("key ", number, " is no object"));
    }
    if (!PublicKey::IsForTokens(*jwk)) continue;
    absl::StatusOr<PublicKey> key = PublicKey::Parse(*jwk);
    if (!key.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("key ", number, " is wrong: ", key.status().message()));
    }
    std::string id = key->id();
    if (!result->keys_.emplace(std::move(id), *std::move(key)).second) {
      return absl::InvalidArgumentError(
          absl::StrCat("key ", number, " has the kid of another key"));
    }
  }
  if (result->keys_.empty()) {
    return absl::InvalidArgumentError(
        "there is no key for signatures by RS256, ES256 or EdDSA in the set");
  }
  return result;
}

const PublicKey* KeySet::Find(std::string_view id) const {
  const auto found = keys_.find(id);
  return found == keys_.end() ? nullptr : &found->second;
}

std::string WriteKeySet(const std::vector<json::object>& keys) {
  json::array list;
  for (const json::object& key : keys) list.push_back(key);
  return json::serialize(json::object{{"keys", std::move(list)}}) + "\n";
}

}  // namespace caravan::identity
