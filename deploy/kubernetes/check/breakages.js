// Ways to break a rule, each with what must be said of it.
const find = (objects, kind, name) => objects.find((each) => each.kind === kind && each.metadata.name === name)
const drop = (objects, kind, name) => objects.splice(objects.indexOf(find(objects, kind, name)), 1)
const pod = (objects, name = 'zones') => find(objects, 'Deployment', name).spec.template.spec
const container = (objects, name) => pod(objects, name).containers[0]
const configMap = (objects, name) => pod(objects, name).volumes.find((each) => each.name === 'settings').configMap.name
const settings = (objects, from, to, name) => {
  const { data } = find(objects, 'ConfigMap', configMap(objects, name))
  data['settings.yaml'] = data['settings.yaml'].replace(from, to)
}

export const breakages = [
  { name: 'a process without manifests', processes: ['gateway', 'fairs', 'logistics', 'zones', 'statistics'], apply: () => {}, says: 'Process statistics has no Deployment' },
  { name: 'a Deployment of no process', processes: ['gateway'], apply: () => {}, says: 'Deployment zones is of no process' },
  { name: 'an object without labels', apply: (all) => { find(all, 'Service', 'zones').metadata.labels = {} }, says: 'is not labelled' },
  { name: 'another namespace', apply: (all) => { find(all, 'Service', 'zones').metadata.namespace = 'default' }, says: 'is outside the namespace' },
  { name: 'a service that faces outside', apply: (all) => { find(all, 'Service', 'zones').spec.type = 'NodePort' }, says: 'faces outside' },
  { name: 'no Pod Security', apply: (all) => { find(all, 'Namespace', 'caravan').metadata.labels['pod-security.kubernetes.io/enforce'] = 'baseline' }, says: 'does not enforce Pod Security' },
  { name: 'no default denial', apply: (all) => drop(all, 'NetworkPolicy', 'default-deny'), says: 'No network policy denies' },
  { name: 'no service account', apply: (all) => drop(all, 'ServiceAccount', 'zones'), says: 'has no service account' },
  { name: 'a shared service account', apply: (all) => { pod(all).serviceAccountName = 'default' }, says: 'under another service account' },
  { name: 'a token', apply: (all) => { delete pod(all).automountServiceAccountToken }, says: 'mounts a service-account token' },
  { name: 'service links', apply: (all) => { delete pod(all).enableServiceLinks }, says: 'service links' },
  { name: 'the network of the host', apply: (all) => { pod(all).hostNetwork = true }, says: 'uses hostNetwork' },
  { name: 'root', apply: (all) => { pod(all).securityContext.runAsNonRoot = false }, says: 'may run as root' },
  { name: 'user 0', apply: (all) => { pod(all).securityContext.runAsUser = 0 }, says: 'names no user' },
  { name: 'no seccomp', apply: (all) => { delete pod(all).securityContext.seccompProfile }, says: 'no seccomp profile' },
  { name: 'a path of the host', apply: (all) => { pod(all).volumes.push({ name: 'host', hostPath: { path: '/' } }) }, says: 'mounts a path of the host' },
  { name: 'a second container', apply: (all) => { pod(all).containers.push(structuredClone(container(all))) }, says: 'more than one container' },
  { name: 'privileges to gain', apply: (all) => { delete container(all).securityContext.allowPrivilegeEscalation }, says: 'may gain privileges' },
  { name: 'a root file system to write to', apply: (all) => { delete container(all).securityContext.readOnlyRootFilesystem }, says: 'may write to its root file system' },
  { name: 'capabilities', apply: (all) => { container(all).securityContext.capabilities.drop = [] }, says: 'keeps capabilities' },
  { name: 'no requests', apply: (all) => { delete container(all).resources.requests.cpu }, says: 'requests no CPU' },
  { name: 'no limit of memory', apply: (all) => { delete container(all).resources.limits }, says: 'no limit of memory' },
  { name: 'no readiness probe', apply: (all) => { delete container(all).readinessProbe }, says: 'no gRPC readinessProbe' },
  { name: 'a probe by HTTP', apply: (all) => { container(all).startupProbe = { httpGet: { path: '/', port: 80 } } }, says: 'no gRPC startupProbe' },
  { name: 'no liveness probe', apply: (all) => { delete container(all).livenessProbe }, says: 'has no livenessProbe' },
  { name: 'no health address', apply: (all) => settings(all, /^health_listen.*/m, ''), says: 'does not serve health' },
  { name: 'a short drain', apply: (all) => settings(all, 'drain_timeout: 310s', 'drain_timeout: 30s'), says: 'not longer than the longest deadline' },
  { name: 'no longest deadline', apply: (all) => { for (const { metadata } of all.filter((each) => each.kind === 'Deployment')) settings(all, /^max_deadline.*/m, '', metadata.name) }, says: 'No process says how long a call may take' },
  { name: 'a short grace period', apply: (all) => { pod(all).terminationGracePeriodSeconds = 30 }, says: 'is killed after 30 s' },
  { name: 'no settings', apply: (all) => drop(all, 'ConfigMap', configMap(all)), says: 'has no settings.yaml' },
  { name: 'no certificate', apply: (all) => drop(all, 'Certificate', 'zones'), says: 'has no certificate for' },
  { name: 'a certificate that is not mounted', apply: (all) => { find(all, 'Certificate', 'zones').spec.secretName = 'elsewhere' }, says: 'does not mount its certificate' },
  { name: 'a certificate of servers only', apply: (all) => { find(all, 'Certificate', 'zones').spec.usages = ['server auth'] }, says: "without the usage 'client auth'" },
  { name: 'no network policy', apply: (all) => drop(all, 'NetworkPolicy', 'zones'), says: 'has no network policy of its own' },
  { name: 'a network policy without egress', apply: (all) => { find(all, 'NetworkPolicy', 'zones').spec.policyTypes = ['Ingress'] }, says: 'without Egress' },
  { name: 'a service open to the world', apply: (all) => { delete find(all, 'NetworkPolicy', 'zones').spec.ingress[0].from }, says: 'can be reached from anywhere' },
  { name: 'no Service', apply: (all) => drop(all, 'Service', 'zones'), says: 'zones has no Service' },
  { name: 'no disruption budget', overlay: 'production', apply: (all) => drop(all, 'PodDisruptionBudget', 'zones'), says: 'zones has no PodDisruptionBudget' },
  { name: 'no autoscaler', overlay: 'production', apply: (all) => drop(all, 'HorizontalPodAutoscaler', 'gateway'), says: 'gateway has no HorizontalPodAutoscaler' },
  { name: 'one replica', overlay: 'production', apply: (all) => { find(all, 'HorizontalPodAutoscaler', 'zones').spec.minReplicas = 1 }, says: 'fewer than two replicas' },
  { name: 'replicas named twice', overlay: 'production', apply: (all) => { find(all, 'Deployment', 'zones').spec.replicas = 2 }, says: 'names its replicas' },
  { name: 'a password in the manifest', overlay: 'production', apply: (all) => { container(all).env.find((each) => each.name === 'CARAVAN_STORE').valueFrom = undefined }, says: 'no store from a Secret' },
  { name: 'a rolling update on one file', overlay: 'single-node', apply: (all) => { find(all, 'Deployment', 'zones').spec.strategy.type = 'RollingUpdate' }, says: 'may run twice on one database file' },
  { name: 'no volume', overlay: 'single-node', apply: (all) => drop(all, 'PersistentVolumeClaim', 'zones-data'), says: 'keeps its database on no volume' }
]
