#include "services/logistics/logistics.h"

int main(int argc, char** argv) {
  return caravan::host::RunService(caravan::logistics::LogisticsDefinition(), argc, argv);
}
