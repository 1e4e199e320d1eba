#include "services/common/settings/settings.h"
#include "services/gateway/gateway.h"

int main(int argc, char** argv) {
  return caravan::gateway::RunGateway(
      caravan::settings::LoadOrExit<caravan::gateway::GatewaySettings>(
          {.name = "caravan-gateway",
           .description = "Serves the APIs of all Caravan services at one address."},
          argc, argv));
}
