// JSON that strangers wrote: tokens and key sets.
#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <optional>
#include <string_view>

namespace caravan::identity {

// The object that `text` is, by RFC 8259 to the letter. Nothing where it isn't
// one, names a member twice (two readers could read it differently), isn't
// UTF-8, nests deeper than `max_depth` (the object itself is 1) or has an object
// or array of more than 256 entries.
std::optional<boost::json::object> ParseJsonObject(std::string_view text, int max_depth);

// A member that is a string; null where there is none.
const boost::json::string* FindString(const boost::json::object& object, std::string_view name);

}  // namespace caravan::identity
