// The images of the steps.

@description('Where everything is.')
param location string

@description('Resource id of the workspace for logs.')
param workspaceId string

@description('Object id of the identity of the nodes, which pull images.')
param kubeletPrincipalId string

@description('Object ids of groups that push images.')
param administrators array

var acrPull = '7f951dda-4ed3-4680-a7ca-43fe172d538d'
var acrPush = '8311e382-0749-4cb8-b61a-304f252e45ec'

resource registry 'Microsoft.ContainerRegistry/registries@2025-11-01' = {
  // checkov:skip=CKV_AZURE_139: people push from where they work; an identity is asked for, and a private endpoint costs more than all the rest
  // checkov:skip=CKV_AZURE_166: images in quarantine wait for a scanner to free them, and there is none; make scan looks at them before they are built
  name: 'rollcall${uniqueString(resourceGroup().id)}'
  location: location
  sku: {
    name: 'Standard'
  }
  properties: {
    adminUserEnabled: false
    anonymousPullEnabled: false
  }
}

resource mayPull 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: registry
  name: guid(registry.id, 'kubelet', acrPull)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', acrPull)
    principalId: kubeletPrincipalId
    principalType: 'ServicePrincipal'
  }
}

resource mayPush 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for group in administrators: {
  scope: registry
  name: guid(registry.id, group, acrPush)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', acrPush)
    principalId: group
    principalType: 'Group'
  }
}]

resource audit 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: registry
  name: 'audit'
  properties: {
    workspaceId: workspaceId
    logs: [
      {
        category: 'ContainerRegistryLoginEvents'
        enabled: true
      }
      {
        category: 'ContainerRegistryRepositoryEvents'
        enabled: true
      }
    ]
  }
}

@description('Host of the registry.')
output loginServer string = registry.properties.loginServer
