#include "services/common/identity/token.h"

#include <algorithm>
#include <array>
#include <boost/json/array.hpp>
#include <cmath>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "services/common/api/errors.h"
#include "services/common/identity/json.h"

namespace caravan::identity {
namespace {

namespace json = boost::json;

// A header names an algorithm, a key and a type; what is longer carries
// certificates, which are not looked at.
constexpr size_t kLongestHeader = 2048;
constexpr int kHeaderDepth = 4;
constexpr int kClaimsDepth = 16;
// NumericDates up to the year 9999.
constexpr double kLatest = 253402300799.0;

absl::Status Refuse(std::string_view reason, std::string message) {
  return api::Error(absl::StatusCode::kUnauthenticated, reason, std::move(message));
}

absl::Status Malformed(std::string message) {
  return Refuse("TOKEN_MALFORMED", std::move(message));
}

std::string_view View(const json::string& text) { return {text.data(), text.size()}; }

struct Parts {
  std::string_view header;
  std::string_view claims;
  std::string_view signature;
  std::string_view signed_content;
};

absl::StatusOr<Parts> Split(std::string_view token) {
  const size_t first = token.find('.');
  const size_t second = first == std::string_view::npos ? first : token.find('.', first + 1);
  if (second == std::string_view::npos || token.find('.', second + 1) != std::string_view::npos) {
    return Malformed("the token should be a signed JWT: three parts with dots between them");
  }
  return Parts{token.substr(0, first), token.substr(first + 1, second - first - 1),
               token.substr(second + 1), token.substr(0, second)};
}

// A part that is a JSON object in base64url.
absl::StatusOr<json::object> Decode(std::string_view part, int depth, std::string_view name) {
  std::string text;
  if (!DecodeBase64Url(part, &text)) {
    return Malformed(absl::StrCat("the token's ", name, " should be base64url without padding"));
  }
  std::optional<json::object> object = ParseJsonObject(text, depth);
  if (!object.has_value()) {
    return Malformed(absl::StrCat("the token's ", name,
                                  " should be a JSON object in UTF-8 that names no member twice"));
  }
  return *std::move(object);
}

// The key that the header names, where its algorithm is that of the key.
absl::StatusOr<const PublicKey*> FindKey(const json::object& header, const KeySet& keys) {
  const json::string* algorithm = FindString(header, "alg");
  if (algorithm == nullptr) return Malformed("the token's header should have an alg");
  static constexpr std::array kAlgorithms = {Algorithm::kRs256, Algorithm::kEs256,
                                             Algorithm::kEdDsa};
  if (std::none_of(kAlgorithms.begin(), kAlgorithms.end(),
                   [&](Algorithm known) { return NameOf(known) == View(*algorithm); })) {
    return Refuse("TOKEN_ALGORITHM_REFUSED",
                  "the token's algorithm should be RS256, ES256 or EdDSA");
  }
  const json::string* id = FindString(header, "kid");
  if (id == nullptr) {
    return Refuse("TOKEN_KEY_UNKNOWN", "the token's header should name its key by a kid");
  }
  const PublicKey* key = keys.Find(View(*id));
  if (key == nullptr) {
    return Refuse(
        "TOKEN_KEY_UNKNOWN",
        "the token is signed by a key that is not, or no more, among those of its issuer; "
        "ask for a new token");
  }
  if (NameOf(key->algorithm()) != View(*algorithm)) {
    return Refuse(
        "TOKEN_ALGORITHM_REFUSED",
        absl::StrCat("the token's algorithm is not that of its key, ", NameOf(key->algorithm())));
  }
  return key;
}

absl::Status CheckHeader(const json::object& header, const TokenRules& rules) {
  std::string type;
  if (const json::value* member = header.if_contains("typ")) {
    const json::string* text = member->if_string();
    if (text == nullptr) return Malformed("the token's typ should be a string");
    type = absl::AsciiStrToLower(View(*text));
    type = std::string(absl::StripPrefix(type, "application/"));
  }
  if (std::find(rules.types.begin(), rules.types.end(), type) == rules.types.end()) {
    return Refuse("TOKEN_TYPE_REFUSED", "the token's typ says that it is for something else");
  }
  if (header.contains("crit")) {
    return Refuse("TOKEN_EXTENSION_UNKNOWN",
                  "the token wants extensions to be understood (crit), and none is here");
  }
  return absl::OkStatus();
}

// A claim that is a NumericDate: seconds since 1970, perhaps with a fraction.
absl::Status ReadTime(const json::object& claims, const char* name,
                      std::optional<absl::Time>* time) {
  const json::value* value = claims.if_contains(name);
  if (value == nullptr) return absl::OkStatus();
  const double seconds = value->is_number() ? value->to_number<double>() : -1;
  if (!(seconds >= 0 && seconds <= kLatest)) {
    return Malformed(
        absl::StrCat("the token's ", name, " should be a number of seconds since 1970"));
  }
  *time = absl::UnixEpoch() + absl::Seconds(seconds);
  return absl::OkStatus();
}

std::string ToText(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", time, absl::UTCTimeZone());
}

absl::Status CheckTimes(const json::object& claims, const TokenRules& rules, absl::Time now,
                        Token* token) {
  std::optional<absl::Time> expires;
  std::optional<absl::Time> begins;
  std::optional<absl::Time> issued;
  if (absl::Status s = ReadTime(claims, "exp", &expires); !s.ok()) return s;
  if (absl::Status s = ReadTime(claims, "nbf", &begins); !s.ok()) return s;
  if (absl::Status s = ReadTime(claims, "iat", &issued); !s.ok()) return s;
  if (!expires.has_value()) return Malformed("the token should say when it expires (exp)");
  token->expiry = *expires + rules.leeway;
  if (now >= token->expiry) {
    return Refuse("TOKEN_EXPIRED", absl::StrCat("the token expired at ", ToText(*expires),
                                                ", and it is ", ToText(now)));
  }
  for (const std::optional<absl::Time>& start : {begins, issued}) {
    if (start.has_value() && now < *start - rules.leeway) {
      return Refuse("TOKEN_NOT_YET_VALID", absl::StrCat("the token is valid from ", ToText(*start),
                                                        " on, and it is ", ToText(now)));
    }
  }
  if (rules.longest_life == absl::InfiniteDuration()) return absl::OkStatus();
  if (!issued.has_value()) return Malformed("the token should say when it was made (iat)");
  if (*expires - *issued > rules.longest_life) {
    return Refuse("TOKEN_LIFETIME_TOO_LONG",
                  absl::StrCat("the token should be valid for no more than ",
                               absl::FormatDuration(rules.longest_life)));
  }
  return absl::OkStatus();
}

absl::Status CheckAudience(const json::object& claims, const std::string& audience) {
  const json::value* value = claims.if_contains("aud");
  bool meant = false;
  if (value != nullptr && value->is_string()) {
    meant = View(value->get_string()) == audience;
  } else if (value != nullptr && value->is_array()) {
    for (const json::value& one : value->get_array()) {
      if (!one.is_string()) return Malformed("the token's aud should be strings");
      meant = meant || View(one.get_string()) == audience;
    }
  } else {
    return Malformed("the token should have an audience (aud), a string or a list of strings");
  }
  if (meant) return absl::OkStatus();
  return Refuse("TOKEN_AUDIENCE_WRONG",
                absl::StrCat("the token is not for here; its audience should be ", audience));
}

absl::Status CheckClaims(const json::object& claims, const TokenRules& rules, absl::Time now,
                         Token* token) {
  const json::string* issuer = FindString(claims, "iss");
  if (issuer == nullptr) return Malformed("the token should have an issuer (iss), a string");
  if (View(*issuer) != rules.issuer) {
    return Refuse("TOKEN_ISSUER_WRONG",
                  absl::StrCat("the token's issuer should be ", rules.issuer));
  }
  if (absl::Status s = CheckAudience(claims, rules.audience); !s.ok()) return s;
  if (absl::Status s = CheckTimes(claims, rules, now, token); !s.ok()) return s;
  const json::string* subject = FindString(claims, "sub");
  if (subject == nullptr || subject->empty()) {
    return Malformed("the token should have a subject (sub), a string that is not empty");
  }
  token->subject = std::string(View(*subject));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Token> VerifyToken(std::string_view token, const KeySet& keys,
                                  const TokenRules& rules, absl::Time now) {
  if (token.size() > rules.max_bytes) {
    return Refuse("TOKEN_TOO_LARGE", absl::StrCat("the token is of ", token.size(),
                                                  " bytes; at most ", rules.max_bytes));
  }
  const absl::StatusOr<Parts> parts = Split(token);
  if (!parts.ok()) return parts.status();
  if (parts->header.size() > kLongestHeader) {
    return Refuse("TOKEN_TOO_LARGE", absl::StrCat("the token's header is of ", parts->header.size(),
                                                  " bytes; at most ", kLongestHeader));
  }
  const absl::StatusOr<json::object> header = Decode(parts->header, kHeaderDepth, "header");
  if (!header.ok()) return header.status();
  if (absl::Status s = CheckHeader(*header, rules); !s.ok()) return s;
  const absl::StatusOr<const PublicKey*> key = FindKey(*header, keys);
  if (!key.ok()) return key.status();
  std::string signature;
  if (!DecodeBase64Url(parts->signature, &signature)) {
    return Malformed("the token's signature should be base64url without padding");
  }
  if (!(*key)->Verify(parts->signed_content, signature)) {
    return Refuse("TOKEN_SIGNATURE_INVALID", "the token's signature is not that of its issuer");
  }
  // What follows was written by the issuer.
  absl::StatusOr<json::object> claims = Decode(parts->claims, kClaimsDepth, "claims");
  if (!claims.ok()) return claims.status();
  Token result;
  if (absl::Status s = CheckClaims(*claims, rules, now, &result); !s.ok()) return s;
  result.claims = *std::move(claims);
  return result;
}

}  // namespace caravan::identity
