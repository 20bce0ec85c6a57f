// All that Rollcall needs in one resource group: a Kubernetes cluster whose costly nodes exist only
// while a run needs them, the storage of the recordings, and who may do what.
// `make cluster-up ENVIRONMENT=dev|prod` deploys it; docs/deployment.md explains it.
targetScope = 'resourceGroup'

// aks.bicep repeats this type: what checkov reads Bicep with knows no import.
type pool = {
  size: string
  minimum: int
  maximum: int
  diskGiB: int
}
type pools = {
  system: pool
  regular: pool
  spot: pool
}

@description('Where everything is.')
param location string = resourceGroup().location

@description('Name of the cluster, and beginning of the names of what is beside it.')
@minLength(3)
@maxLength(20)
param name string

@description('Namespace of the runs: the one that Kubeflow Pipelines is in.')
param namespace string = 'kubeflow'

@description('Minor version of Kubernetes. Its patches come by themselves, the next minor version when this is raised.')
param kubernetesVersion string

@description('Price tier of the cluster: Standard promises that its API can be reached, Free does not.')
@allowed(['Free', 'Standard'])
param tier string

@description('Size and number of the nodes of each pool.')
param nodePools pools

@description('Most nodes of a spot pool with a GPU for fine-tuning. None by default: there is no such pool.')
@minValue(0)
param gpuMaximum int = 0

@description('Availability zones of the nodes. None where the region has none, or one node has to do.')
param zones array = []

@description('Whether disks of nodes, temporary ones too, are encrypted on the host. The subscription needs the feature Microsoft.Compute/EncryptionAtHost.')
param encryptionAtHost bool = true

@description('Address ranges (CIDR) from which people reach the API of the cluster, the storage and the vault.')
@minLength(1)
param operatorRanges array

@description('Object ids of Entra groups that administer the cluster and write the secrets.')
@minLength(1)
param administrators array

@description('Object ids of Entra groups that upload recordings, and delete them (rollcall forget).')
@minLength(1)
param privacyOfficers array

@description('Redundancy of the storage account: within one data centre, or over three.')
@allowed(['Standard_LRS', 'Standard_ZRS'])
param storageRedundancy string

@description('Days after which a recording that nobody changed is deleted; 0 keeps them until somebody deletes them.')
@minValue(0)
param enrolmentDays int

@description('Days after which the versions that a change or a deletion leaves are deleted.')
@minValue(1)
param versionDays int

@description('Days for which what was deleted can be brought back.')
@minValue(1)
@maxValue(365)
param recoverableDays int

@description('Days for which a deleted vault or secret can be brought back. Cannot be changed later.')
@minValue(7)
@maxValue(90)
param vaultRecoverableDays int

@description('Days for which the logs of who did what are kept. Those of the storage name recordings, and so pseudonyms.')
@minValue(30)
@maxValue(730)
param logDays int

@description('Hour (UTC) at which upgrades may begin, on Saturdays and Sundays.')
@minValue(0)
@maxValue(20)
param maintenanceHour int = 2

module network 'network.bicep' = {
  name: 'network'
  params: {
    location: location
    name: name
    clusterPrincipalId: identities.outputs.clusterPrincipalId
  }
}

module logs 'logs.bicep' = {
  name: 'logs'
  params: {
    location: location
    name: name
    logDays: logDays
  }
}

module identities 'identity.bicep' = {
  name: 'identities'
  params: {
    location: location
    name: name
  }
}

module registry 'registry.bicep' = {
  name: 'registry'
  params: {
    location: location
    workspaceId: logs.outputs.workspaceId
    kubeletPrincipalId: identities.outputs.kubeletPrincipalId
    administrators: administrators
  }
}

module storage 'storage.bicep' = {
  name: 'storage'
  params: {
    location: location
    redundancy: storageRedundancy
    subnetId: network.outputs.subnetId
    operatorRanges: operatorRanges
    workspaceId: logs.outputs.workspaceId
    runnerPrincipalId: identities.outputs.runnerPrincipalId
    kubeletPrincipalId: identities.outputs.kubeletPrincipalId
    privacyOfficers: privacyOfficers
    enrolmentDays: enrolmentDays
    versionDays: versionDays
    recoverableDays: recoverableDays
  }
}

module vault 'vault.bicep' = {
  name: 'vault'
  params: {
    location: location
    subnetId: network.outputs.subnetId
    operatorRanges: operatorRanges
    workspaceId: logs.outputs.workspaceId
    secretsPrincipalId: identities.outputs.secretsPrincipalId
    administrators: administrators
    recoverableDays: vaultRecoverableDays
  }
}

module cluster 'aks.bicep' = {
  name: 'cluster'
  params: {
    location: location
    name: name
    kubernetesVersion: kubernetesVersion
    tier: tier
    nodePools: nodePools
    gpuMaximum: gpuMaximum
    zones: zones
    encryptionAtHost: encryptionAtHost
    subnetId: network.outputs.subnetId
    operatorRanges: operatorRanges
    workspaceId: logs.outputs.workspaceId
    identityId: identities.outputs.clusterIdentityId
    kubeletIdentityId: identities.outputs.kubeletIdentityId
    kubeletClientId: identities.outputs.kubeletClientId
    kubeletPrincipalId: identities.outputs.kubeletPrincipalId
    administrators: administrators
    maintenanceHour: maintenanceHour
  }
}

module federation 'federation.bicep' = {
  name: 'federation'
  params: {
    name: name
    issuer: cluster.outputs.issuer
    namespace: namespace
  }
}

@description('Name of the cluster.')
output clusterName string = cluster.outputs.name

@description('Tenant of the identities.')
output tenantId string = subscription().tenantId

@description('Client id of the identity that reads recordings: of the service account rollcall-runner.')
output runnerClientId string = identities.outputs.runnerClientId

@description('Client id of the identity that reads the vault: of the service account rollcall-secrets.')
output secretsClientId string = identities.outputs.secretsClientId

@description('Name of the storage account.')
output storageAccount string = storage.outputs.accountName

@description('Host of the container registry.')
output containerRegistry string = registry.outputs.loginServer

@description('Name of the key vault.')
output keyVault string = vault.outputs.vaultName
