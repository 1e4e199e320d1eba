#include "services/zones/zones.h"

int main(int argc, char** argv) {
  return caravan::host::RunService(caravan::zones::ZonesDefinition(), argc, argv);
}
