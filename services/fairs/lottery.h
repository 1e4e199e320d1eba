// The lottery: what orders firms whose points are equal, such that nobody can
// choose it and everybody can check it.
//
// The organiser publishes the commitment, SHA-256 of a secret, before
// applications close. Then the inputs are frozen and their digest is published. The
// seed comes from the secret, that digest and a public random value dated after
// the freeze: the organiser could not know the value when it chose the secret, and
// cannot change the secret when it knows the value.
#pragma once

#include <string>
#include <string_view>

namespace caravan::fairs {

// SHA-256, 64 hex digits in lower case.
std::string LotteryCommitment(std::string_view secret);

// SHA-256 of the secret, the digest of the inputs (as hex digits) and the public
// value, a line feed behind each of the first two.
std::string LotterySeed(std::string_view secret, std::string_view inputs_digest,
                        std::string_view public_value);

// SHA-256 of the seed (as hex digits), the section's id and the enterprise's
// (or its pseudonym), a line feed behind each of the first two. The lesser key
// goes first.
std::string LotteryKey(std::string_view seed, std::string_view section,
                       std::string_view enterprise);

}  // namespace caravan::fairs
