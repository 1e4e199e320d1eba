// Text for people: near matches, spellings of names, widths on a terminal.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace caravan::cli {

// `goods_logged` and `goodsLogged` as `goods-logged`.
std::string ToKebab(std::string_view name);

// `goods-logged` and `goodsLogged` as `goods_logged`.
std::string ToSnake(std::string_view name);

// How many characters must be inserted, deleted, replaced or swapped with a
// neighbour to turn one text into the other; case is not regarded.
int EditDistance(std::string_view a, std::string_view b);

// The candidates that someone who wrote `text` may have meant, best first, at
// most three.
std::vector<std::string> NearMatches(std::string_view text,
                                     const std::vector<std::string>& candidates);

// "; did you mean a or b?", or nothing where no candidate is near.
std::string DidYouMean(std::string_view text, const std::vector<std::string>& candidates);

// Columns that UTF-8 text takes on a terminal: a Chinese character takes two.
int DisplayWidth(std::string_view text);

// The text on one line, with control characters written as escapes, so that
// data cannot steer the terminal.
std::string OneLine(std::string_view text);

// Take a beginning or an end away; false where the text has another.
bool ConsumePrefix(std::string_view* text, std::string_view prefix);
bool ConsumeSuffix(std::string_view* text, std::string_view suffix);

// The byte offset of the first byte that is no UTF-8; npos where all is.
size_t FindInvalidUtf8(std::string_view text);

}  // namespace caravan::cli
