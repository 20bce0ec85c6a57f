// The network of the nodes. Pods have addresses of their own behind it (overlay), so that a small one
// is enough. Storage and vault let this subnet in and, but for the operators, nobody else.

@description('Where everything is.')
param location string

@description('Name of the cluster.')
param name string

@description('Object id of the identity that runs the cluster.')
param clusterPrincipalId string

var networkContributor = '4d97b98b-1d4f-4787-a291-c67834d212e7'

// With its subnet inside: put beside it, the subnet would be missing from the network's own description
// when that is deployed again.
resource network 'Microsoft.Network/virtualNetworks@2026-03-01' = {
  name: name
  location: location
  properties: {
    addressSpace: {
      addressPrefixes: ['10.240.0.0/16']
    }
    subnets: [
      {
        name: 'nodes'
        properties: {
          addressPrefix: '10.240.0.0/22'
          serviceEndpoints: [
            {
              service: 'Microsoft.Storage'
            }
            {
              service: 'Microsoft.KeyVault'
            }
          ]
        }
      }
    ]
  }
}

resource nodes 'Microsoft.Network/virtualNetworks/subnets@2026-03-01' existing = {
  parent: network
  name: 'nodes'
}

// Nodes come and go in this subnet, and the cluster puts them there.
resource mayJoin 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: nodes
  name: guid(nodes.id, name, networkContributor)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', networkContributor)
    principalId: clusterPrincipalId
    principalType: 'ServicePrincipal'
  }
}

@description('Resource id of the subnet of the nodes.')
output subnetId string = nodes.id
