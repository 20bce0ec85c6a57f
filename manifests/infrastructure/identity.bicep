// Who the cluster, its nodes and its service accounts are to Azure. They outlive the cluster, so that
// what they were allowed still holds when it is made anew. None of them has a password.

@description('Where everything is.')
param location string

@description('Name of the cluster.')
param name string

var managedIdentityOperator = 'f1a07417-d97a-45cb-824c-7a7467783830'

resource cluster 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: '${name}-cluster'
  location: location
}

resource kubelet 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: '${name}-kubelet'
  location: location
}

// The steps of a run. It reads the recordings, and nothing else.
resource runner 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: '${name}-runner'
  location: location
}

// What brings secrets from the vault into the cluster. It reads them, and nothing else.
resource secrets 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: '${name}-secrets'
  location: location
}

// The cluster gives its nodes their identity.
resource mayAssign 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: kubelet
  name: guid(kubelet.id, cluster.id, managedIdentityOperator)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', managedIdentityOperator)
    principalId: cluster.properties.principalId
    principalType: 'ServicePrincipal'
  }
}

@description('Resource id of the identity that runs the cluster.')
output clusterIdentityId string = cluster.id

@description('Object id of the identity that runs the cluster.')
output clusterPrincipalId string = cluster.properties.principalId

@description('Resource id of the identity of the nodes.')
output kubeletIdentityId string = kubelet.id

@description('Client id of the identity of the nodes.')
output kubeletClientId string = kubelet.properties.clientId

@description('Object id of the identity of the nodes.')
output kubeletPrincipalId string = kubelet.properties.principalId

@description('Client id of the identity of the steps.')
output runnerClientId string = runner.properties.clientId

@description('Object id of the identity of the steps.')
output runnerPrincipalId string = runner.properties.principalId

@description('Client id of the identity that reads the vault.')
output secretsClientId string = secrets.properties.clientId

@description('Object id of the identity that reads the vault.')
output secretsPrincipalId string = secrets.properties.principalId
