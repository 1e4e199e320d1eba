// Codes of the outside world, by the names that contracts call them in
// `caravan.api.v1.Limits.format`, and what can be read out of them.
//
// Everything here is pure and cheap: no allocation unless there is a problem to
// tell. A code is judged by its form, its check character and closed tables; it
// is not looked up in any register.
//
//   format         what it is                              example
//   country        ISO 3166-1 alpha-2, capitals            CN
//   province       ISO 3166-2 of China, capitals           CN-ZJ
//   place          GB/T 2260, 6 digits                     330100
//   credit-code    GB 32100-2015, 18 characters, any case  91330100799655058B
//   enterprise-id  at home a credit code in lower case,    91330100799655058b
//                  abroad <country>-<register number>      de-hrb86891
//   hs-code        4, 6, 8 or 10 digits, no dots           610910
//   hs-chapter     2 digits                                61
//   hs-prefix      2 to 10 digits                          6109
//   sha256         64 hex digits in lower case
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "absl/types/span.h"

namespace caravan::codes {

// Whether FormatProblem knows a format. (`filter` needs a message to be judged
// against and is known elsewhere.)
bool IsKnownFormat(std::string_view format);

// A sentence that says why `value` is not of a format, with the value and what
// would be right; nothing where it is. The empty value is of no format: whether
// a field may be left empty is for its contract to say. A format that is not
// known is a problem of its own.
std::optional<std::string> FormatProblem(std::string_view format, std::string_view value);

// A country of ISO 3166-1 or a province of ISO 3166-2:CN.
struct Region {
  std::string_view code;  // CN, CN-ZJ
  std::string_view name;  // as Debian's iso-codes gives it
};

// All countries, and all provinces of China, by code.
absl::Span<const Region> Countries();
absl::Span<const Region> Provinces();

// The province in which a GB/T 2260 place lies, as an ISO 3166-2 code; empty
// where the first two digits are no province's.
std::string_view ProvinceOfPlace(std::string_view place);

// The two digits with which the places of a province begin; empty where it is
// no province.
std::string_view PlacePrefixOfProvince(std::string_view province);

// The check character that completes the first 17 characters of a unified social
// credit code, in capitals; nothing where they are not 17 of its alphabet (which
// lacks I, O, S, V and Z; case does not matter).
std::optional<char> CreditCodeCheckCharacter(std::string_view first17);

// Whether an id of the format `enterprise-id` is that of a firm at home, that
// is, a credit code rather than a foreign register number.
bool IsHomeEnterpriseId(std::string_view id);

// The country of an id of the format `enterprise-id`, in capitals: CN for a
// credit code; empty where it is not of that format.
std::string CountryOfEnterpriseId(std::string_view id);

}  // namespace caravan::codes
