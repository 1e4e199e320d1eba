// What Caravan uses of cert-manager's resources, as its API reference
// (cert-manager.io/v1) describes them; there is no package of types for them.
import { ObjectMeta } from 'kubernetes-types/meta/v1'

export interface Issuer {
  apiVersion: 'cert-manager.io/v1'
  kind: 'Issuer'
  metadata: ObjectMeta
  spec: { selfSigned: Record<string, never> } | { ca: { secretName: string } }
}

export interface Certificate {
  apiVersion: 'cert-manager.io/v1'
  kind: 'Certificate'
  metadata: ObjectMeta
  spec: {
    secretName: string
    issuerRef: { name: string; kind: 'Issuer' | 'ClusterIssuer' }
    commonName?: string
    isCA?: boolean
    dnsNames?: string[]
    uris?: string[]
    usages?: ('digital signature' | 'server auth' | 'client auth')[]
    privateKey: {
      algorithm: 'ECDSA' | 'Ed25519' | 'RSA'
      size?: number
      rotationPolicy?: 'Always' | 'Never'
    }
    // Go durations, at least an hour; the certificate is renewed before its end.
    duration: `${number}h`
    renewBefore: `${number}h`
  }
}
