// Industrial belts and brands, through a real server.
#include <string>
#include <vector>

#include "caravan/zones/v1/brands.pb.h"
#include "caravan/zones/v1/industrial_belts.pb.h"
#include "gmock/gmock.h"
#include "google/protobuf/empty.pb.h"
#include "services/common/store/testing.h"
#include "services/zones/testing/zones_server.h"

namespace caravan::zones {
namespace {

using absl::StatusCode;
using caravan::testing::Fails;
using caravan::testing::FailsAt;
using caravan::testing::Fields;
using caravan::testing::IsOk;
using ::testing::ElementsAre;
using testing::kHangzhouFirm;
using testing::kNingboFirm;

auto Denied() { return Fails(StatusCode::kPermissionDenied, "PERMISSION_DENIED"); }

auto Illegal() { return Fails(StatusCode::kFailedPrecondition, "ILLEGAL_TRANSITION"); }

auto InvalidAt(const std::string& field) {
  return FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields({field}));
}

class BeltsTest : public testing::ZonesServer {
 protected:
  absl::StatusOr<v1::IndustrialBelt> Create(const std::string& id, const std::string& more,
                                            const std::string& principal = "users/admin",
                                            const std::string& zone = "hangzhou") {
    return Call<v1::IndustrialBelt, v1::CreateIndustrialBeltRequest>(
        "IndustrialBeltService/CreateIndustrialBelt",
        "industrial_belt_id: '" + id +
            "' industrial_belt { display_name: 'Belt' hs_chapters: '84' "
            "nomination_date { year: 2023 month: 5 } pilot_zone: 'pilotZones/" +
            zone + "' " + more + " }",
        principal);
  }

  template <class Request>
  absl::StatusOr<v1::IndustrialBelt> Step(const std::string& verb, const std::string& rest,
                                          const std::string& principal = "users/admin") {
    return Call<v1::IndustrialBelt, Request>("IndustrialBeltService/" + verb + "IndustrialBelt",
                                             "name: 'industrialBelts/b' " + rest, principal);
  }

  std::vector<std::string> List(const std::string& request,
                                const std::string& principal = "users/admin") {
    auto list = Call<v1::ListIndustrialBeltsResponse, v1::ListIndustrialBeltsRequest>(
        "IndustrialBeltService/ListIndustrialBelts", request, principal);
    EXPECT_THAT(list, IsOk());
    std::vector<std::string> names;
    if (!list.ok()) return names;
    for (const auto& belt : list->industrial_belts()) names.push_back(belt.name());
    return names;
  }

  absl::StatusOr<v1::ComputeExportGrowthResponse> Growth(
      const std::string& rest, const std::string& principal = "users/admin") {
    return Call<v1::ComputeExportGrowthResponse, v1::ComputeExportGrowthRequest>(
        "IndustrialBeltService/ComputeExportGrowth", "name: 'industrialBelts/b' " + rest,
        principal);
  }
};

TEST_P(BeltsTest, KnowsTheProvinceOfThePlace) {
  auto belt = Create("b", "place: '331000'");
  ASSERT_THAT(belt, IsOk());
  EXPECT_EQ(belt->province(), "CN-ZJ");
  EXPECT_EQ(belt->state(), v1::IndustrialBelt::NOMINATED);
  EXPECT_THAT(List("filter: 'province = \"CN-ZJ\"'"), ElementsAre("industrialBelts/b"));
}

TEST_P(BeltsTest, RefusesWhatDoesNotFit) {
  // The other Taizhou, in Jiangsu.
  EXPECT_THAT(Create("b", "place: '321200'"), InvalidAt("industrial_belt.place"));
  EXPECT_THAT(Create("b", "place: '331000' hs_chapters: '8'"),
              InvalidAt("industrial_belt.hs_chapters[1]"));
  EXPECT_THAT(Create("b",
                     "place: '331000' export_figures { year: 2024 value: '1e9' "
                     "currency: 'CNY' report_date { year: 2025 } }"),
              InvalidAt("industrial_belt.export_figures[0].value"));
  EXPECT_THAT(Create("b",
                     "place: '331000' province_figures { year: 2024 growth: '5' "
                     "publication_date { year: 2025 } document: 'documents/none' }"),
              FailsAt(StatusCode::kInvalidArgument, "REFERENCE_NOT_FOUND",
                      Fields({"industrial_belt.province_figures[0].document"})));
  EXPECT_THAT(Create("b", "place: '331000' enterprises: 'enterprises/de-hrb1'"),
              FailsAt(StatusCode::kInvalidArgument, "REFERENCE_NOT_FOUND",
                      Fields({"industrial_belt.enterprises[0]"})));
  EXPECT_THAT(Create("b", "place: '331000' platforms: 'platforms/none'"),
              FailsAt(StatusCode::kInvalidArgument, "REFERENCE_NOT_FOUND",
                      Fields({"industrial_belt.platforms[0]"})));
  EXPECT_THAT(Create("b", "place: '460100'", "users/admin", "haikou"),
              Fails(StatusCode::kFailedPrecondition, "ZONE_NOT_IN_FORCE"));
  EXPECT_THAT(Create("b", "place: '331000'", "users/admin", "none"),
              FailsAt(StatusCode::kInvalidArgument, "REFERENCE_NOT_FOUND",
                      Fields({"industrial_belt.pilot_zone"})));
  EXPECT_THAT(List(""), ElementsAre());
}

TEST_P(BeltsTest, IsCultivatedDesignatedAndDropped) {
  ASSERT_THAT(Create("b", "place: '331000'"), IsOk());
  EXPECT_THAT(
      Step<v1::DesignateIndustrialBeltRequest>("Designate", "designation_date { year: 2024 }"),
      Illegal());
  EXPECT_THAT(Step<v1::CultivateIndustrialBeltRequest>("Cultivate", ""),
              InvalidAt("cultivation_date"));
  EXPECT_THAT(
      Step<v1::CultivateIndustrialBeltRequest>("Cultivate", "cultivation_date { year: 2023 }"),
      InvalidAt("cultivation_date"));
  ASSERT_THAT(
      Step<v1::CultivateIndustrialBeltRequest>("Cultivate", "cultivation_date { year: 2024 }"),
      IsOk());
  ASSERT_THAT(
      Step<v1::DesignateIndustrialBeltRequest>("Designate", "designation_date { year: 2025 }"),
      IsOk());
  auto dropped = Step<v1::DropIndustrialBeltRequest>("Drop", "drop_date { year: 2026 }");
  ASSERT_THAT(dropped, IsOk());
  EXPECT_EQ(dropped->state(), v1::IndustrialBelt::DROPPED);
  EXPECT_EQ(dropped->designation_date().year(), 2025);
  EXPECT_THAT(Step<v1::DropIndustrialBeltRequest>("Drop", "drop_date { year: 2026 }"), Illegal());
  EXPECT_THAT(List("effective_date { year: 2025 month: 12 day: 31 }"),
              ElementsAre("industrialBelts/b"));
  EXPECT_THAT(List("effective_date { year: 2026 month: 1 day: 1 }"), ElementsAre());
}

TEST_P(BeltsTest, AZoneOfficeSeesAndEditsItsOwn) {
  EXPECT_THAT(Create("b", "place: '331000'", "users/ningbo"), Denied());
  ASSERT_THAT(Create("b", "place: '331000'", "users/hangzhou"), IsOk());
  ASSERT_THAT(Create("n", "place: '330200'", "users/ningbo", "ningbo"), IsOk());
  EXPECT_THAT(List("", "users/hangzhou"), ElementsAre("industrialBelts/b"));
  EXPECT_THAT(List("", "users/ningbo"), ElementsAre("industrialBelts/n"));
  EXPECT_THAT(List("", "users/auditor"), ElementsAre("industrialBelts/b", "industrialBelts/n"));
  const std::string drop = "drop_date { year: 2024 }";
  EXPECT_THAT(Step<v1::DropIndustrialBeltRequest>("Drop", drop, "users/ningbo"), Denied());
  EXPECT_THAT(Step<v1::DropIndustrialBeltRequest>("Drop", drop, "users/auditor"), Denied());
  EXPECT_THAT(Growth("year: 2024", "users/ningbo"), Denied());
  EXPECT_THAT(Growth("year: 2024", "users/auditor"), IsOk());
  EXPECT_THAT(Step<v1::DropIndustrialBeltRequest>("Drop", drop, "users/hangzhou"), IsOk());
}

TEST_P(BeltsTest, ComparesItsGrowthWithTheProvinces) {
  ASSERT_THAT(Create("b",
                     "place: '331000' "
                     "export_figures { year: 2023 value: '800' currency: 'CNY' "
                     "  report_date { year: 2024 month: 2 } document: 'documents/d1' } "
                     "export_figures { year: 2024 value: '900.5' currency: 'CNY' "
                     "  report_date { year: 2025 month: 2 } } "
                     "province_figures { year: 2024 growth: '10.25' "
                     "  publication_date { year: 2025 month: 3 } document: 'documents/d2' }"),
              IsOk());
  auto growth = Growth("year: 2024");
  ASSERT_THAT(growth, IsOk());
  EXPECT_EQ(growth->growth(), "12.56");
  EXPECT_EQ(growth->excess(), "2.31");
  EXPECT_EQ(growth->province_figure().document(), "documents/d2");
  growth = Growth("year: 2024 effective_date { year: 2025 month: 2 day: 28 }");
  ASSERT_THAT(growth, IsOk());
  EXPECT_EQ(growth->growth(), "12.56");
  EXPECT_FALSE(growth->has_excess());
  ASSERT_EQ(growth->absences_size(), 1);
  EXPECT_EQ(growth->absences(0).reason(), v1::ComputeExportGrowthResponse::NO_PROVINCE_FIGURE);
  growth = Growth("year: 2023");
  ASSERT_THAT(growth, IsOk());
  EXPECT_FALSE(growth->has_growth());
  EXPECT_THAT(Growth("year: 1977"), InvalidAt("year"));
  EXPECT_THAT(Growth(""), InvalidAt("year"));
  EXPECT_THAT(
      (Call<v1::ComputeExportGrowthResponse, v1::ComputeExportGrowthRequest>(
          "IndustrialBeltService/ComputeExportGrowth", "name: 'industrialBelts/none' year: 2024")),
      Fails(StatusCode::kNotFound, "RESOURCE_NOT_FOUND"));
  // What a figure rests on stays.
  EXPECT_THAT((Call<google::protobuf::Empty, v1::DeleteDocumentRequest>(
                  "DocumentService/DeleteDocument", "name: 'documents/d2'")),
              Fails(StatusCode::kFailedPrecondition, "RESOURCE_IN_USE"));
}

TEST_P(BeltsTest, IsLoadedWithItsCourse) {
  const auto load = [&](const std::string& rest) {
    return Call<v1::LoadIndustrialBeltsResponse, v1::LoadIndustrialBeltsRequest>(
        "IndustrialBeltService/LoadIndustrialBelts",
        "industrial_belts { name: 'industrialBelts/b' display_name: 'Belt' hs_chapters: '84' "
        "pilot_zone: 'pilotZones/hangzhou' place: '331000' "
        "nomination_date { year: 2020 } state: BENCHMARK " +
            rest + " }");
  };
  EXPECT_THAT(load(""), InvalidAt("industrial_belts[0].designation_date"));
  auto loaded = load("designation_date { year: 2022 }");
  ASSERT_THAT(loaded, IsOk());
  EXPECT_EQ(loaded->industrial_belts(0).state(), v1::IndustrialBelt::BENCHMARK);
  EXPECT_EQ(loaded->industrial_belts(0).province(), "CN-ZJ");
}

class BrandsTest : public testing::ZonesServer {
 protected:
  absl::StatusOr<v1::Brand> Create(const std::string& id, const std::string& firm,
                                   const std::string& more = "",
                                   const std::string& principal = "users/admin") {
    return Call<v1::Brand, v1::CreateBrandRequest>(
        "BrandService/CreateBrand",
        "brand_id: '" + id + "' brand { display_name: 'B' nomination_date { year: 2023 } " +
            "enterprise: '" + firm + "' " + more + " }",
        principal);
  }

  static std::string Mark(const std::string& market, const std::string& number, int year,
                          const std::string& nice_class = "25") {
    return "trademarks { market: '" + market + "' registration_number: '" + number +
           "' nice_classes: " + nice_class + " registration_date { year: " + std::to_string(year) +
           " } } ";
  }

  absl::StatusOr<v1::SummarizeTrademarksResponse> Summarize(
      const std::string& rest, const std::string& principal = "users/admin") {
    return Call<v1::SummarizeTrademarksResponse, v1::SummarizeTrademarksRequest>(
        "BrandService/SummarizeTrademarks", rest, principal);
  }
};

TEST_P(BrandsTest, BelongsToTheZoneOfItsOwner) {
  auto brand = Create("b", kHangzhouFirm);
  ASSERT_THAT(brand, IsOk());
  EXPECT_EQ(brand->pilot_zone(), "pilotZones/hangzhou");
  EXPECT_THAT(Create("c", kHangzhouFirm, "pilot_zone: 'pilotZones/ningbo'"),
              InvalidAt("brand.pilot_zone"));
  const auto sell = [&](const std::string& rest) {
    return Call<v1::Brand, v1::UpdateBrandRequest>(
        "BrandService/UpdateBrand",
        "brand { name: 'brands/b' enterprise: '" + std::string(kNingboFirm) + "' " + rest +
            "} update_mask { paths: 'enterprise' paths: 'pilot_zone' }");
  };
  EXPECT_THAT(sell("pilot_zone: 'pilotZones/hangzhou'"), InvalidAt("brand.pilot_zone"));
  auto sold = sell("");
  ASSERT_THAT(sold, IsOk());
  EXPECT_EQ(sold->pilot_zone(), "pilotZones/ningbo");
}

TEST_P(BrandsTest, RefusesTrademarksThatAreNone) {
  EXPECT_THAT(Create("b", kHangzhouFirm, Mark("EU", "1", 2024)),
              InvalidAt("brand.trademarks[0].market"));
  EXPECT_THAT(Create("b", kHangzhouFirm, Mark("DE", "1", 2024, "46")),
              InvalidAt("brand.trademarks[0].nice_classes[0]"));
  EXPECT_THAT(Create("b", kHangzhouFirm, Mark("DE", "1", 2024, "[]")),
              InvalidAt("brand.trademarks[0].nice_classes"));
  EXPECT_THAT(Create("b", kHangzhouFirm, Mark("DE", "1", 2024) + Mark("DE", "1", 2025)),
              InvalidAt("brand.trademarks[1].registration_number"));
  EXPECT_THAT(
      Create("b", "enterprises/de-hrb1"),
      FailsAt(StatusCode::kInvalidArgument, "REFERENCE_NOT_FOUND", Fields({"brand.enterprise"})));
}

TEST_P(BrandsTest, IsEstablishedWithATrademark) {
  ASSERT_THAT(Create("b", kHangzhouFirm), IsOk());
  const auto establish = [&] {
    return Call<v1::Brand, v1::EstablishBrandRequest>(
        "BrandService/EstablishBrand", "name: 'brands/b' establishment_date { year: 2025 }");
  };
  EXPECT_THAT(establish(), Illegal());
  ASSERT_THAT(
      (Call<v1::Brand, v1::CultivateBrandRequest>(
          "BrandService/CultivateBrand", "name: 'brands/b' cultivation_date { year: 2024 }")),
      IsOk());
  EXPECT_THAT(establish(), Fails(StatusCode::kFailedPrecondition, "BRAND_HAS_NO_TRADEMARK"));
  ASSERT_THAT(
      (Call<v1::Brand, v1::UpdateBrandRequest>(
          "BrandService/UpdateBrand", "brand { name: 'brands/b' " + Mark("JP", "1", 2024) + "}")),
      IsOk());
  auto established = establish();
  ASSERT_THAT(established, IsOk());
  EXPECT_EQ(established->state(), v1::Brand::ESTABLISHED);
  ASSERT_THAT((Call<v1::Brand, v1::LapseBrandRequest>(
                  "BrandService/LapseBrand", "name: 'brands/b' lapse_date { year: 2026 }")),
              IsOk());
  EXPECT_THAT(establish(), Illegal());
}

TEST_P(BrandsTest, AZoneOfficeSeesAndEditsItsOwn) {
  EXPECT_THAT(Create("b", kHangzhouFirm, "pilot_zone: 'pilotZones/hangzhou'", "users/ningbo"),
              Denied());
  // Nor may it take another zone's firm for its own.
  EXPECT_THAT(Create("b", kHangzhouFirm, "pilot_zone: 'pilotZones/ningbo'", "users/ningbo"),
              InvalidAt("brand.pilot_zone"));
  ASSERT_THAT(Create("b", kHangzhouFirm, "pilot_zone: 'pilotZones/hangzhou'", "users/hangzhou"),
              IsOk());
  const auto get = [&](const std::string& principal) {
    return Call<v1::Brand, v1::GetBrandRequest>("BrandService/GetBrand", "name: 'brands/b'",
                                                principal);
  };
  EXPECT_THAT(get("users/hangzhou"), IsOk());
  EXPECT_THAT(get("users/auditor"), IsOk());
  EXPECT_THAT(get("users/ningbo"), Denied());
  EXPECT_THAT(
      (Call<v1::Brand, v1::LapseBrandRequest>(
          "BrandService/LapseBrand", "name: 'brands/b' lapse_date { year: 2026 }", "users/ningbo")),
      Denied());
}

TEST_P(BrandsTest, CountsNewOverseasTrademarks) {
  ASSERT_THAT(Create("b", kHangzhouFirm, Mark("CN", "1", 2024) + Mark("DE", "1", 2024)), IsOk());
  ASSERT_THAT(Create("c", kNingboFirm, Mark("JP", "1", 2024) + Mark("JP", "2", 2025)), IsOk());
  const auto counts = [&](const std::string& rest, const std::string& principal) {
    std::vector<int> result;
    auto summary = Summarize("start_year: 2023 end_year: 2025 " + rest, principal);
    EXPECT_THAT(summary, IsOk());
    if (!summary.ok()) return result;
    for (const auto& year : summary->years()) result.push_back(year.trademark_count());
    return result;
  };
  EXPECT_THAT(counts("", "users/admin"), ElementsAre(0, 2, 1));
  EXPECT_THAT(counts("", "users/auditor"), ElementsAre(0, 2, 1));
  EXPECT_THAT(counts("pilot_zone: 'pilotZones/ningbo'", "users/ningbo"), ElementsAre(0, 1, 1));
  EXPECT_THAT(counts("market: 'DE'", "users/admin"), ElementsAre(0, 1, 0));
  EXPECT_THAT(Summarize("start_year: 2023 end_year: 2025", "users/ningbo"), Denied());
  EXPECT_THAT(Summarize("start_year: 2023 end_year: 2025 pilot_zone: 'pilotZones/hangzhou'",
                        "users/ningbo"),
              Denied());
  EXPECT_THAT(Summarize("start_year: 2023 end_year: 2025 pilot_zone: 'pilotZones/none'"),
              Fails(StatusCode::kNotFound, "RESOURCE_NOT_FOUND"));
  EXPECT_THAT(Summarize("start_year: 2023 end_year: 2022"), InvalidAt("end_year"));
  EXPECT_THAT(Summarize("start_year: 2023 end_year: 2023 market: 'CN'"), InvalidAt("market"));
}

INSTANTIATE_TEST_SUITE_P(Engines, BeltsTest, ::testing::ValuesIn(store::TestStores()),
                         store::TestStoreName);
INSTANTIATE_TEST_SUITE_P(Engines, BrandsTest, ::testing::ValuesIn(store::TestStores()),
                         store::TestStoreName);

}  // namespace
}  // namespace caravan::zones
