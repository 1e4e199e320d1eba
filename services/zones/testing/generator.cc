#include "services/zones/testing/generator.h"

#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "services/common/codes/codes.h"
#include "services/common/testing/random.h"

namespace caravan::zones::testing {

using caravan::testing::Random;
using v1::Enterprise;
using v1::PilotZone;

namespace {

struct Word {
  std::string_view latin;
  std::string_view local;
};

constexpr Word kWords[] = {
    {"Blue Heron", "蓝鹭"},    {"Morning Star", "晨星"}, {"Silver Birch", "银桦"},
    {"Great Wave", "巨浪"},    {"Jade Bridge", "玉桥"},  {"Swift Sail", "飞帆"},
    {"Red Maple", "红枫"},     {"North Gate", "北门"},   {"Clear Spring", "清泉"},
    {"Golden Reed", "金苇"},   {"Long River", "长河"},   {"Bright Harbour", "明港"},
    {"Stone Lantern", "石灯"}, {"Cloud Peak", "云峰"},   {"Seven Pines", "七松"},
};

constexpr Word kSectors[] = {
    {"Textiles", "纺织"},    {"Electronics", "电子"}, {"Furniture", "家具"},
    {"Toys", "玩具"},        {"Hardware", "五金"},    {"Ceramics", "陶瓷"},
    {"Lighting", "照明"},    {"Footwear", "鞋业"},    {"Sporting Goods", "体育用品"},
    {"Kitchenware", "厨具"},
};

constexpr Enterprise::Role kHomeRoles[] = {
    Enterprise::SELLER,
    Enterprise::SELLER,
    Enterprise::SELLER,
    Enterprise::PRODUCER,
    Enterprise::PRODUCER,
    Enterprise::DISTRIBUTOR,
    Enterprise::DISTRIBUTOR,
    Enterprise::PLATFORM_OPERATOR,
    Enterprise::LINE_HAUL_COMPANY,
    Enterprise::SERVICE_PROVIDER,
};

constexpr Enterprise::Role kForeignRoles[] = {
    Enterprise::COURIER,
    Enterprise::WAREHOUSE_OPERATOR,
    Enterprise::PLATFORM_OPERATOR,
    Enterprise::LINE_HAUL_COMPANY,
};

// Countries with the letters that stand before their register numbers here.
constexpr Word kCountries[] = {{"DE", "hrb"}, {"US", "ca"},  {"GB", "sc"},  {"JP", ""},
                               {"BR", ""},    {"FR", "rcs"}, {"NL", "kvk"}, {"PL", "krs"}};

// A number below kNumbers, different for each number below it.
uint64_t Scatter(uint64_t seed, uint64_t number) {
  constexpr uint64_t kMultiplier = 387420489;  // 3^18, without a factor of kNumbers
  return (number % EnterpriseGenerator::kNumbers * kMultiplier +
          seed % EnterpriseGenerator::kNumbers) %
         EnterpriseGenerator::kNumbers;
}

// The organisation code of eight characters and its check character (GB 11714),
// which makes up characters 9 to 17 of a credit code.
std::string OrganisationCode(uint64_t number) {
  constexpr std::string_view kAlphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY";
  constexpr int kWeights[] = {3, 7, 9, 10, 5, 8, 4, 2};
  std::string code(8, '0');
  for (size_t i = code.size(); i-- > 0; number /= kAlphabet.size()) {
    code[i] = kAlphabet[number % kAlphabet.size()];
  }
  int sum = 0;
  for (size_t i = 0; i < code.size(); ++i) {
    sum += kWeights[i] * (absl::ascii_isdigit(code[i]) ? code[i] - '0' : code[i] - 'A' + 10);
  }
  int check = 11 - sum % 11;
  code += check == 10 ? 'X' : check == 11 ? '0' : static_cast<char>('0' + check);
  return code;
}

std::string CreditCode(std::string_view place, uint64_t number) {
  std::string code = absl::StrCat("91", place, OrganisationCode(number));
  code += *codes::CreditCodeCheckCharacter(code);
  return absl::AsciiStrToLower(code);
}

// A province of the mainland.
std::string_view Province(Random& random) {
  while (true) {
    std::string_view code = random.Pick(codes::Provinces()).code;
    if (code != "CN-HK" && code != "CN-MO" && code != "CN-TW") return code;
  }
}

void SetNames(std::string_view place, std::string_view local_place, Random& random,
              Enterprise& enterprise) {
  const Word& word = random.Pick(kWords);
  const Word& sector = random.Pick(kSectors);
  enterprise.set_display_name(
      absl::StrCat(place, place.empty() ? "" : " ", word.latin, " ", sector.latin, " Co., Ltd."));
  if (!local_place.empty()) {
    enterprise.set_local_name(absl::StrCat(local_place, word.local, sector.local, "有限公司"));
  }
  (*enterprise.mutable_labels())["sector"] = absl::AsciiStrToLower(sector.latin);
}

template <class Roles>
void SetRoles(const Roles& from, Random& random, Enterprise& enterprise) {
  bool has[Enterprise::Role_ARRAYSIZE] = {};
  for (uint64_t i = 1 + random.Below(3); i > 0; --i) has[random.Pick(from)] = true;
  for (int role = 1; role < Enterprise::Role_ARRAYSIZE; ++role) {
    if (has[role]) enterprise.add_roles(static_cast<Enterprise::Role>(role));
  }
}

void SetDates(Random& random, Enterprise& enterprise) {
  google::type::Date* registered = enterprise.mutable_registration_date();
  registered->set_year(static_cast<int>(1995 + random.Below(29)));
  registered->set_month(static_cast<int>(1 + random.Below(12)));
  registered->set_day(static_cast<int>(1 + random.Below(28)));
  uint64_t percent = random.Below(100);
  enterprise.set_state(percent < 2   ? Enterprise::SUSPENDED
                       : percent < 4 ? Enterprise::CLOSED
                                     : Enterprise::ACTIVE);
  if (enterprise.state() == Enterprise::CLOSED) {
    google::type::Date* closed = enterprise.mutable_close_date();
    closed->set_year(2024);
    closed->set_month(static_cast<int>(1 + random.Below(12)));
    closed->set_day(static_cast<int>(1 + random.Below(28)));
  }
}

}  // namespace

EnterpriseGenerator::EnterpriseGenerator(uint64_t seed, std::vector<PilotZone> zones)
    : seed_(seed) {
  for (PilotZone& zone : zones) {
    if (!zone.has_end_date()) homes_.push_back(std::move(zone));
  }
}

Enterprise EnterpriseGenerator::Generate(uint64_t number) const {
  Random random(seed_ ^ (number * 0xD1342543DE82EF95));
  uint64_t id = Scatter(seed_, number);
  Enterprise enterprise;
  uint64_t percent = random.Below(100);
  if (percent < 8) {
    const Word& country = random.Pick(kCountries);
    enterprise.set_country(std::string(country.latin));
    enterprise.set_name(absl::StrFormat("enterprises/%s-%s%09d",
                                        absl::AsciiStrToLower(country.latin), country.local, id));
    SetNames("", "", random, enterprise);
    SetRoles(kForeignRoles, random, enterprise);
  } else if (percent < 20 || homes_.empty()) {
    std::string_view province = Province(random);
    enterprise.set_country("CN");
    enterprise.set_province(std::string(province));
    std::string place = absl::StrCat(codes::PlacePrefixOfProvince(province), "0000");
    enterprise.set_name(absl::StrCat("enterprises/", CreditCode(place, id)));
    SetNames("", "", random, enterprise);
    SetRoles(kHomeRoles, random, enterprise);
  } else {
    const PilotZone& one = random.Pick(homes_);
    const PilotZone& other = random.Pick(homes_);
    const PilotZone& home = one.batch() < other.batch() ? one : other;
    std::string place = home.place().empty()
                            ? absl::StrCat(codes::PlacePrefixOfProvince(home.province()), "0000")
                            : home.place();
    enterprise.set_country("CN");
    enterprise.set_province(home.province());
    enterprise.set_pilot_zone(home.name());
    enterprise.set_name(absl::StrCat("enterprises/", CreditCode(place, id)));
    SetNames(home.display_name(), absl::StripSuffix(home.local_name(), "市"), random, enterprise);
    SetRoles(kHomeRoles, random, enterprise);
  }
  SetDates(random, enterprise);
  (*enterprise.mutable_labels())["synthetic"] = "true";
  return enterprise;
}

}  // namespace caravan::zones::testing
