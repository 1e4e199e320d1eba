#include "services/common/api/filter_syntax.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "services/common/api/errors.h"
#include "services/common/api/filter.h"
#include "services/common/api/text.h"

namespace caravan::api::filter {
namespace {

enum class TokenKind { kEnd, kWord, kDot, kComma, kLeft, kRight, kMinus, kComparator };

struct Token {
  TokenKind kind = TokenKind::kEnd;
  Word word;  // its bounds are set for every kind
  Comparator comparator = Comparator::kEqual;

  bool Is(TokenKind other) const { return kind == other; }
  bool IsKeyword(std::string_view keyword) const {
    return kind == TokenKind::kWord && !word.quoted && word.Text() == keyword;
  }
  bool IsKeyword() const { return IsKeyword("AND") || IsKeyword("OR") || IsKeyword("NOT"); }
};

class Lexer {
 public:
  explicit Lexer(const Source& source) : source_(source) {}

  absl::StatusOr<Token> Next() {
    while (at_ < source_.text.size() && absl::ascii_isspace(source_.text[at_])) ++at_;
    Token token;
    token.word.begin = at_;
    if (absl::Status status = Read(token); !status.ok()) return status;
    token.word.end = at_;
    return token;
  }

 private:
  std::string_view rest() const { return source_.text.substr(at_); }

  absl::Status Read(Token& token) {
    if (rest().empty()) return absl::OkStatus();
    static constexpr std::pair<std::string_view, Comparator> kComparators[] = {
        {"!=", Comparator::kNotEqual},
        {"<=", Comparator::kLessOrEqual},
        {">=", Comparator::kGreaterOrEqual},
        {"=", Comparator::kEqual},
        {"<", Comparator::kLess},
        {">", Comparator::kGreater},
        {":", Comparator::kHas}};
    for (const auto& [symbol, comparator] : kComparators) {
      if (!absl::StartsWith(rest(), symbol)) continue;
      token.kind = TokenKind::kComparator;
      token.comparator = comparator;
      at_ += symbol.size();
      return absl::OkStatus();
    }
    static constexpr std::pair<char, TokenKind> kSymbols[] = {{'.', TokenKind::kDot},
                                                              {',', TokenKind::kComma},
                                                              {'(', TokenKind::kLeft},
                                                              {')', TokenKind::kRight},
                                                              {'-', TokenKind::kMinus}};
    for (const auto& [symbol, kind] : kSymbols) {
      if (rest()[0] != symbol) continue;
      token.kind = kind;
      ++at_;
      return absl::OkStatus();
    }
    token.kind = TokenKind::kWord;
    token.word.pieces.emplace_back();
    return rest()[0] == '"' || rest()[0] == '\'' ? ReadString(token.word) : ReadText(token.word);
  }

  absl::Status ReadText(Word& word) {
    while (at_ < source_.text.size()) {
      const char c = source_.text[at_];
      if (absl::ascii_isspace(c) || absl::StrContains(".,()=<>:\"'", c) ||
          absl::StartsWith(rest(), "!=")) {
        break;
      }
      if (absl::ascii_iscntrl(c)) {
        return source_.Error(at_, "a control character must stand in quotes");
      }
      Append(c, c == '*', word);
      ++at_;
    }
    return absl::OkStatus();
  }

  absl::Status ReadString(Word& word) {
    word.quoted = true;
    const size_t begin = at_;
    const char quote = source_.text[at_++];
    while (at_ < source_.text.size()) {
      char c = source_.text[at_++];
      if (c == quote) return absl::OkStatus();
      if (c != '\\') {
        Append(c, c == '*', word);
        continue;
      }
      if (at_ == source_.text.size()) break;
      c = source_.text[at_++];
      if (!absl::StrContains("\\\"'*", c)) {
        return source_.Error(at_ - 2,
                             "after '\\' stands one of \\ \" ' *; write \\\\ for the character \\");
      }
      Append(c, /*wildcard=*/false, word);
    }
    return source_.Error(begin, absl::StrCat("the string has no closing ", std::string(1, quote)));
  }

  static void Append(char c, bool wildcard, Word& word) {
    if (wildcard) {
      word.pieces.emplace_back();
    } else {
      word.pieces.back().push_back(c);
    }
  }

  const Source& source_;
  size_t at_ = 0;
};

class Parser {
 public:
  explicit Parser(const Source& source) : source_(source), lexer_(source) {}

  absl::StatusOr<std::unique_ptr<Expression>> Parse() {
    if (absl::Status status = Advance(); !status.ok()) return status;
    if (token_.Is(TokenKind::kEnd)) return nullptr;
    auto expression = ParseExpression();
    if (expression.ok() && !token_.Is(TokenKind::kEnd)) {
      return Unexpected("the end of the filter, AND, OR or a term");
    }
    return expression;
  }

 private:
  using Result = absl::StatusOr<std::unique_ptr<Expression>>;

  absl::Status Advance() {
    last_end_ = token_.word.end;
    auto token = lexer_.Next();
    if (!token.ok()) return token.status();
    token_ = *std::move(token);
    return absl::OkStatus();
  }

  // Whether no white space stands before the current token.
  bool Adjacent() const { return token_.word.begin == last_end_; }

  absl::Status Unexpected(std::string_view expected) const {
    const std::string_view found =
        source_.text.substr(token_.word.begin, token_.word.end - token_.word.begin);
    return source_.Error(token_.word.begin,
                         absl::StrCat("expected ", expected, ", found ",
                                      found.empty() ? "the end of the filter" : Quoted(found)));
  }

  static std::unique_ptr<Expression> Combine(Expression::Kind kind,
                                             std::vector<std::unique_ptr<Expression>> children) {
    if (children.size() == 1) return std::move(children[0]);
    auto expression = std::make_unique<Expression>();
    expression->kind = kind;
    expression->children = std::move(children);
    return expression;
  }

  // Sequences joined by AND, which are factors joined by AND as well.
  Result ParseExpression() {
    std::vector<std::unique_ptr<Expression>> factors;
    while (true) {
      auto factor = ParseFactor();
      if (!factor.ok()) return factor;
      factors.push_back(*std::move(factor));
      if (token_.Is(TokenKind::kEnd) || token_.Is(TokenKind::kRight)) break;
      if (token_.IsKeyword("AND")) {
        if (absl::Status status = Advance(); !status.ok()) return status;
      }
    }
    return Combine(Expression::Kind::kAnd, std::move(factors));
  }

  Result ParseFactor() {
    std::vector<std::unique_ptr<Expression>> terms;
    while (true) {
      auto term = ParseTerm();
      if (!term.ok()) return term;
      terms.push_back(*std::move(term));
      if (!token_.IsKeyword("OR")) break;
      if (absl::Status status = Advance(); !status.ok()) return status;
    }
    return Combine(Expression::Kind::kOr, std::move(terms));
  }

  Result ParseTerm() {
    const bool minus = token_.Is(TokenKind::kMinus);
    if (!minus && !token_.IsKeyword("NOT")) return ParseSimple();
    if (absl::Status status = Advance(); !status.ok()) return status;
    if (minus && !Adjacent()) return Unexpected("what '-' negates directly behind it");
    auto simple = ParseSimple();
    if (!simple.ok()) return simple;
    auto expression = std::make_unique<Expression>();
    expression->kind = Expression::Kind::kNot;
    expression->children.push_back(*std::move(simple));
    return expression;
  }

  Result ParseSimple() {
    return token_.Is(TokenKind::kLeft) ? ParseComposite() : ParseRestriction();
  }

  Result ParseComposite() {
    if (++depth_ > kMaxFilterDepth) {
      return source_.Error(token_.word.begin, absl::StrCat("parentheses nest deeper than ",
                                                           kMaxFilterDepth, " levels"));
    }
    if (absl::Status status = Advance(); !status.ok()) return status;
    auto expression = ParseExpression();
    if (!expression.ok()) return expression;
    if (!token_.Is(TokenKind::kRight)) return Unexpected("')', AND, OR or a term");
    if (absl::Status status = Advance(); !status.ok()) return status;
    --depth_;
    return expression;
  }

  Result ParseRestriction() {
    auto term = std::make_unique<Expression>();
    auto member = ParseMember("a field, a value or '('");
    if (!member.ok()) return member.status();
    term->member = *std::move(member);
    if (!token_.Is(TokenKind::kComparator)) return term;
    term->comparator = token_.comparator;
    if (absl::Status status = Advance(); !status.ok()) return status;
    if (token_.Is(TokenKind::kLeft)) {
      auto spread = ParseComposite();
      if (!spread.ok()) return spread;
      term->spread = *std::move(spread);
      return term;
    }
    const bool negative = token_.Is(TokenKind::kMinus);
    const size_t begin = token_.word.begin;
    if (negative) {
      if (absl::Status status = Advance(); !status.ok()) return status;
      if (!Adjacent() || token_.word.quoted) return Unexpected("a number directly behind '-'");
    }
    auto argument = ParseMember("a value or '('");
    if (!argument.ok()) return argument.status();
    term->word = Join(*argument);
    if (negative) {
      term->word.pieces[0].insert(0, "-");
      term->word.begin = begin;
    }
    return term;
  }

  // A value, and what follows it with dots.
  absl::StatusOr<std::vector<Word>> ParseMember(std::string_view expected) {
    if (!token_.Is(TokenKind::kWord)) return Unexpected(expected);
    if (token_.IsKeyword()) {
      return Unexpected(absl::StrCat(expected, " (in quotes where the word itself is meant)"));
    }
    std::vector<Word> words;
    while (true) {
      words.push_back(std::move(token_.word));
      token_.word.end = words.back().end;
      if (absl::Status status = Advance(); !status.ok()) return status;
      if (!token_.Is(TokenKind::kDot) || !Adjacent()) break;
      if (absl::Status status = Advance(); !status.ok()) return status;
      if (!token_.Is(TokenKind::kWord) || !Adjacent()) {
        return Unexpected("a name directly behind '.'");
      }
    }
    if (token_.Is(TokenKind::kLeft) && Adjacent() && !words.back().quoted) {
      return source_.Error(words[0].begin,
                           absl::StrCat("there is no function ", Quoted(Join(words).Text()),
                                        "; filters have no functions"));
    }
    return words;
  }

  const Source& source_;
  Lexer lexer_;
  Token token_;
  size_t last_end_ = 0;
  int depth_ = 0;
};

}  // namespace

absl::Status Source::Error(size_t offset, std::string_view what) const {
  const size_t character = CountCharacters(text.substr(0, offset)) + 1;
  const std::string description = absl::StrCat("at character ", character, ": ", what);
  return api::Error(absl::StatusCode::kInvalidArgument, "INVALID_FILTER",
                    absl::StrCat(field, ": ", description))
      .With("character", absl::StrCat(character))
      .Field(field, description);
}

std::string_view SymbolOf(Comparator comparator) {
  switch (comparator) {
    case Comparator::kEqual:
      return "=";
    case Comparator::kNotEqual:
      return "!=";
    case Comparator::kLess:
      return "<";
    case Comparator::kLessOrEqual:
      return "<=";
    case Comparator::kGreater:
      return ">";
    case Comparator::kGreaterOrEqual:
      return ">=";
    case Comparator::kHas:
      break;
  }
  return ":";
}

std::string Word::Text() const { return absl::StrJoin(pieces, "*"); }

bool Word::IsStar() const {
  return !quoted && pieces.size() == 2 && pieces[0].empty() && pieces[1].empty();
}

Word Join(const std::vector<Word>& words) {
  Word joined = words[0];
  for (size_t i = 1; i < words.size(); ++i) {
    absl::StrAppend(&joined.pieces.back(), ".", words[i].pieces[0]);
    joined.pieces.insert(joined.pieces.end(), words[i].pieces.begin() + 1, words[i].pieces.end());
    joined.end = words[i].end;
  }
  return joined;
}

absl::StatusOr<std::unique_ptr<Expression>> ParseSyntax(const Source& source) {
  if (source.text.size() > kMaxFilterLength) {
    return source.Error(
        0, absl::StrCat("it has ", source.text.size(), " bytes, more than ", kMaxFilterLength));
  }
  if (!IsValidUtf8(source.text)) return source.Error(0, "it is not UTF-8");
  return Parser(source).Parse();
}

}  // namespace caravan::api::filter
