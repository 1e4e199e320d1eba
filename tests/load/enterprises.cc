#include "tests/load/enterprises.h"

#include <iterator>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "services/common/codes/codes.h"

namespace caravan::load {
namespace {

using zones::v1::Enterprise;
using zones::v1::PilotZone;

struct Place {
  const char* id;
  const char* display_name;
  const char* local_name;
  const char* province;
  const char* place;
};

constexpr Place kPlaces[kZones] = {
    {"hangzhou", "Hangzhou", "杭州", "CN-ZJ", "330100"},
    {"tianjin", "Tianjin", "天津", "CN-TJ", "120000"},
    {"shanghai", "Shanghai", "上海", "CN-SH", "310000"},
    {"chongqing", "Chongqing", "重庆", "CN-CQ", "500000"},
    {"hefei", "Hefei", "合肥", "CN-AH", "340100"},
    {"zhengzhou", "Zhengzhou", "郑州", "CN-HA", "410100"},
    {"guangzhou", "Guangzhou", "广州", "CN-GD", "440100"},
    {"chengdu", "Chengdu", "成都", "CN-SC", "510100"},
    {"dalian", "Dalian", "大连", "CN-LN", "210200"},
    {"ningbo", "Ningbo", "宁波", "CN-ZJ", "330200"},
    {"qingdao", "Qingdao", "青岛", "CN-SD", "370200"},
    {"shenzhen", "Shenzhen", "深圳", "CN-GD", "440300"},
    {"suzhou", "Suzhou", "苏州", "CN-JS", "320500"},
    {"beijing", "Beijing", "北京", "CN-BJ", "110000"},
    {"hohhot", "Hohhot", "呼和浩特", "CN-NM", "150100"},
    {"shenyang", "Shenyang", "沈阳", "CN-LN", "210100"},
    {"changchun", "Changchun", "长春", "CN-JL", "220100"},
    {"harbin", "Harbin", "哈尔滨", "CN-HL", "230100"},
    {"nanjing", "Nanjing", "南京", "CN-JS", "320100"},
    {"nanchang", "Nanchang", "南昌", "CN-JX", "360100"},
};

constexpr const char* kSectors[] = {"textiles", "toys", "furniture", "electronics", "tools"};

const Place& HomeOf(int64_t number) { return kPlaces[number % kZones]; }

}  // namespace

std::string ZoneName(int zone) { return absl::StrCat("pilotZones/", kPlaces[zone].id); }

PilotZone MakeZone(int zone) {
  const Place& place = kPlaces[zone];
  PilotZone made;
  made.set_name(ZoneName(zone));
  made.set_display_name(place.display_name);
  made.set_local_name(place.local_name);
  made.set_batch(1);
  made.mutable_approval_date()->set_year(2015);
  made.mutable_approval_date()->set_month(3);
  made.mutable_approval_date()->set_day(7);
  made.set_province(place.province);
  made.set_place(place.place);
  made.set_state(PilotZone::OPERATING);
  return made;
}

std::string EnterpriseName(int64_t number) {
  // Coprime to 10^8, so no two numbers below that meet.
  const int64_t spread = number * 61'803'399 % 100'000'000;
  const std::string first17 = absl::StrFormat("91%sM%08d", HomeOf(number).place, spread);
  const char check = codes::CreditCodeCheckCharacter(first17).value_or('?');
  return absl::StrCat("enterprises/", absl::AsciiStrToLower(first17),
                      absl::AsciiStrToLower(std::string(1, check)));
}

Enterprise MakeEnterprise(int64_t number) {
  const Place& home = HomeOf(number);
  Enterprise made;
  made.set_name(EnterpriseName(number));
  made.set_display_name(
      absl::StrCat(home.display_name, " Cross-Border Trading No. ", number, " Company Limited"));
  made.set_local_name(absl::StrCat(home.local_name, "第", number, "跨境电子商务有限公司"));
  made.set_country("CN");
  made.set_province(home.province);
  made.set_pilot_zone(absl::StrCat("pilotZones/", home.id));
  made.add_roles(Enterprise::SELLER);
  made.add_roles(number % 3 == 0 ? Enterprise::PRODUCER : Enterprise::DISTRIBUTOR);
  made.mutable_registration_date()->set_year(2015 + static_cast<int>(number % 9));
  made.mutable_registration_date()->set_month(1 + static_cast<int>(number % 12));
  made.mutable_registration_date()->set_day(1 + static_cast<int>(number % 28));
  made.set_state(Enterprise::ACTIVE);
  auto& labels = *made.mutable_labels();
  labels["sector"] = kSectors[number % std::size(kSectors)];
  labels["district"] = absl::StrCat(home.id, "-", number % 7);
  labels["source"] = "market supervision register, monthly extract";
  return made;
}

}  // namespace caravan::load
