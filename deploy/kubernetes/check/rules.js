// What must hold for every process of an installation beyond being well-formed.
// Returns sentences, one for each thing that does not.
import { parse } from 'yaml'

const PART_OF = 'caravan'
const HEALTH_PORT = 'health'

// Seconds of a duration as the services' settings write it: 90s, 5m, 2h.
export function seconds(duration) {
  const match = /^(\d+)(s|m|h)$/.exec(duration ?? '')
  if (!match) return NaN
  return Number(match[1]) * { s: 1, m: 60, h: 3600 }[match[2]]
}

// The one object of a kind and name, or of a kind that a function chooses.
class Objects {
  constructor(objects) { this.all = objects }
  of(kind) { return this.all.filter((object) => object.kind === kind) }
  find(kind, name) { return this.of(kind).find((object) => object.metadata.name === name) }
}

function selects(selector, labels) {
  return Object.entries(selector?.matchLabels ?? {}).every(([key, value]) => labels[key] === value)
}

// The rules of one process: `say` takes what is wrong.
function checkPod(deployment, say) {
  const name = deployment.metadata.name
  const pod = deployment.spec.template.spec
  if (pod.serviceAccountName !== name) say(`runs under another service account than ${name}`)
  if (pod.automountServiceAccountToken !== false) say('mounts a service-account token')
  if (pod.enableServiceLinks !== false) say('takes variables from service links, which settings may collide with')
  for (const field of ['hostNetwork', 'hostPID', 'hostIPC']) if (pod[field]) say(`uses ${field}`)
  const security = pod.securityContext ?? {}
  if (security.runAsNonRoot !== true) say('may run as root')
  if (!(security.runAsUser > 0)) say('names no user')
  if (security.seccompProfile?.type !== 'RuntimeDefault') say('has no seccomp profile')
  for (const volume of pod.volumes ?? []) {
    if (volume.hostPath) say(`mounts a path of the host as ${volume.name}`)
  }
  if (pod.containers.length !== 1) say('has more than one container')
  for (const container of [...pod.containers, ...(pod.initContainers ?? [])]) checkContainer(container, say)
}

function checkContainer(container, say) {
  const security = container.securityContext ?? {}
  if (security.allowPrivilegeEscalation !== false) say('may gain privileges')
  if (security.privileged) say('is privileged')
  if (security.readOnlyRootFilesystem !== true) say('may write to its root file system')
  if (!security.capabilities?.drop?.includes('ALL')) say('keeps capabilities')
  if (security.capabilities?.add?.length) say('adds capabilities')
  if (!container.resources?.requests?.cpu || !container.resources?.requests?.memory) say('requests no CPU or memory')
  if (!container.resources?.limits?.memory) say('has no limit of memory')
}

function checkProbes(deployment, settings, say) {
  const [container] = deployment.spec.template.spec.containers
  const port = container.ports?.find((each) => each.name === HEALTH_PORT)?.containerPort
  for (const probe of ['startupProbe', 'readinessProbe']) {
    if (port === undefined || container[probe]?.grpc?.port !== port) say(`has no gRPC ${probe} on its port ${HEALTH_PORT}`)
  }
  if (!container.livenessProbe) say('has no livenessProbe')
  if (settings.health_listen !== `0.0.0.0:${port}`) say(`does not serve health on port ${port}: health_listen is ${settings.health_listen}`)
}

// A pod is given longer to end than any call of any process may take.
function checkDrain(deployment, settings, longestDeadline, say) {
  const grace = deployment.spec.template.spec.terminationGracePeriodSeconds
  const { lame_duck: lameDuck, drain_timeout: drain } = settings
  if (!(seconds(drain) > longestDeadline)) say(`drains for ${drain}, not longer than the longest deadline ${longestDeadline} s`)
  if (!(grace > seconds(lameDuck) + seconds(drain))) say(`is killed after ${grace} s, before lame_duck and drain_timeout (${lameDuck}, ${drain}) are over`)
}

function checkTls(deployment, objects, say) {
  const name = deployment.metadata.name
  const secrets = (deployment.spec.template.spec.volumes ?? []).map((volume) => volume.secret?.secretName)
  const certificate = objects.of('Certificate').find((each) => each.spec.uris?.includes(`spiffe://caravan/services/${name}`))
  if (!certificate) return say(`has no certificate for spiffe://caravan/services/${name}`)
  if (!secrets.includes(certificate.spec.secretName)) say(`does not mount its certificate ${certificate.spec.secretName}`)
  for (const usage of ['server auth', 'client auth']) {
    if (!certificate.spec.usages?.includes(usage)) say(`has a certificate without the usage '${usage}'`)
  }
}

function checkNetwork(deployment, objects, say) {
  const { labels } = deployment.spec.template.metadata
  const name = deployment.metadata.name
  const own = objects.find('NetworkPolicy', name)
  if (!own || !selects(own.spec.podSelector, labels) || own.spec.podSelector.matchLabels === undefined) {
    return say('has no network policy of its own')
  }
  for (const type of ['Ingress', 'Egress']) {
    if (!own.spec.policyTypes?.includes(type)) say(`has a network policy without ${type}`)
  }
  for (const policy of objects.of('NetworkPolicy').filter((each) => selects(each.spec.podSelector, labels))) {
    const fromAnywhere = (policy.spec.ingress ?? []).some((rule) => !rule.from?.length || rule.from.some((peer) => peer.ipBlock))
    if (fromAnywhere && name !== 'gateway') say(`can be reached from anywhere by the network policy ${policy.metadata.name}`)
  }
}

function checkProduction(deployment, objects, say) {
  const name = deployment.metadata.name
  const { labels } = deployment.spec.template.metadata
  const budget = objects.of('PodDisruptionBudget').find((each) => selects(each.spec.selector, labels))
  if (!budget) say('has no PodDisruptionBudget')
  const scaler = objects.of('HorizontalPodAutoscaler').find((each) => each.spec.scaleTargetRef.name === name)
  if (!scaler) say('has no HorizontalPodAutoscaler')
  else if (!(scaler.spec.minReplicas >= 2)) say('may have fewer than two replicas')
  if (scaler && deployment.spec.replicas !== undefined) say('names its replicas, which the HorizontalPodAutoscaler does')
  const store = deployment.spec.template.spec.containers[0].env?.find((each) => each.name === 'CARAVAN_STORE')
  if (name !== 'gateway' && !store?.valueFrom?.secretKeyRef) say('has no store from a Secret')
}

function checkSingleNode(deployment, objects, say) {
  const name = deployment.metadata.name
  if (name === 'gateway') return
  const pod = deployment.spec.template.spec
  const store = pod.containers[0].env?.find((each) => each.name === 'CARAVAN_STORE')?.value
  if (!store?.startsWith('sqlite:/')) return say('has no SQLite store')
  if (deployment.spec.replicas !== 1 || deployment.spec.strategy?.type !== 'Recreate') say('may run twice on one database file')
  const mount = pod.containers[0].volumeMounts.find((each) => store.startsWith(`sqlite:${each.mountPath}/`))
  const claim = pod.volumes.find((each) => each.name === mount?.name)?.persistentVolumeClaim?.claimName
  if (!claim || !objects.find('PersistentVolumeClaim', claim)) say('keeps its database on no volume')
}

// The settings file that a process's pods mount; undefined where there is none.
export function settingsText(all, name) {
  const objects = new Objects(all)
  const volumes = objects.find('Deployment', name)?.spec.template.spec.volumes
  const configMap = volumes?.find((each) => each.name === 'settings')?.configMap?.name
  return objects.find('ConfigMap', configMap)?.data?.['settings.yaml']
}

// `objects` of one overlay; `processes`: the names of all that must be in it.
export function violations(all, overlay, processes) {
  const found = []
  const objects = new Objects(all)
  for (const object of all) {
    const what = `${object.kind} ${object.metadata.name}`
    if (object.metadata.labels?.['app.kubernetes.io/part-of'] !== PART_OF && object.kind !== 'ConfigMap') found.push(`${what} is not labelled as part of ${PART_OF}`)
    if (object.kind !== 'Namespace' && object.metadata.namespace !== 'caravan') found.push(`${what} is outside the namespace caravan`)
    if (object.kind === 'Service' && ['LoadBalancer', 'NodePort'].includes(object.spec.type) && object.metadata.name !== 'gateway') found.push(`${what} faces outside; only the gateway may`)
  }
  const enforced = objects.find('Namespace', 'caravan')?.metadata.labels['pod-security.kubernetes.io/enforce']
  if (enforced !== 'restricted') found.push('Namespace caravan does not enforce Pod Security "restricted"')
  const denied = objects.of('NetworkPolicy').some((each) => Object.keys(each.spec.podSelector).length === 0 &&
    each.spec.policyTypes?.length === 2 && !each.spec.ingress && !each.spec.egress)
  if (!denied) found.push('No network policy denies what no other one permits')

  const names = objects.of('Deployment').map((each) => each.metadata.name)
  for (const name of processes.filter((each) => !names.includes(each))) found.push(`Process ${name} has no Deployment`)
  for (const name of names.filter((each) => !processes.includes(each))) found.push(`Deployment ${name} is of no process`)
  const deadlines = names.map((name) => parse(settingsText(all, name) ?? '')?.max_deadline).filter((each) => each !== undefined)
  const longestDeadline = Math.max(...deadlines.map(seconds))
  if (!(longestDeadline > 0)) found.push('No process says how long a call may take (max_deadline)')
  for (const deployment of objects.of('Deployment')) {
    const { name } = deployment.metadata
    const say = (text) => found.push(`${name} ${text}`)
    if (!selects(deployment.spec.selector, deployment.spec.template.metadata.labels)) say('does not select its own pods')
    if (!objects.find('ServiceAccount', name)) say('has no service account')
    else if (objects.find('ServiceAccount', name).automountServiceAccountToken !== false) say('has a service account whose token is mounted')
    const service = objects.find('Service', name)
    if (!service || !selects({ matchLabels: service.spec.selector }, deployment.spec.template.metadata.labels)) say('has no Service')
    const text = settingsText(all, name)
    if (text === undefined) {
      say('has no settings.yaml')
      continue
    }
    const settings = parse(text) ?? {}
    checkPod(deployment, say)
    checkProbes(deployment, settings, say)
    checkDrain(deployment, settings, longestDeadline, say)
    checkTls(deployment, objects, say)
    checkNetwork(deployment, objects, say)
    if (overlay === 'production') checkProduction(deployment, objects, say)
    if (overlay === 'single-node') checkSingleNode(deployment, objects, say)
  }
  return found
}
