// The secrets: the key that models are signed with (rollcall-signing-key), and the address that notices
// go to (rollcall-webhook). People write them (docs/deployment.md): a template that held them would
// leave a copy in every deployment.

@description('Where everything is.')
param location string

@description('Resource id of the subnet of the nodes.')
param subnetId string

@description('Address ranges (CIDR) of the people who write secrets.')
param operatorRanges array

@description('Resource id of the workspace for logs.')
param workspaceId string

@description('Object id of the identity that brings secrets into the cluster.')
param secretsPrincipalId string

@description('Object ids of groups that write secrets.')
param administrators array

@description('Days for which a deleted vault or secret can be brought back.')
param recoverableDays int

var secretsUser = '4633458b-17de-408a-b874-0445c86b69e6'
var secretsOfficer = 'b86a8fe4-44ce-4948-aee5-eccb2c155cd7'

resource vault 'Microsoft.KeyVault/vaults@2026-05-15' = {
  name: 'rollcall-${uniqueString(resourceGroup().id)}'
  location: location
  properties: {
    tenantId: subscription().tenantId
    sku: {
      family: 'A'
      name: 'standard'
    }
    enableRbacAuthorization: true
    enableSoftDelete: true
    softDeleteRetentionInDays: recoverableDays
    enablePurgeProtection: true
    publicNetworkAccess: 'Enabled'
    networkAcls: {
      defaultAction: 'Deny'
      bypass: 'None'
      virtualNetworkRules: [
        {
          id: subnetId
        }
      ]
      ipRules: [for cidr in operatorRanges: {
        value: cidr
      }]
    }
  }
}

resource mayRead 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: vault
  name: guid(vault.id, 'secrets', secretsUser)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', secretsUser)
    principalId: secretsPrincipalId
    principalType: 'ServicePrincipal'
  }
}

resource mayWrite 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for group in administrators: {
  scope: vault
  name: guid(vault.id, group, secretsOfficer)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', secretsOfficer)
    principalId: group
    principalType: 'Group'
  }
}]

resource audit 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: vault
  name: 'audit'
  properties: {
    workspaceId: workspaceId
    logs: [
      {
        category: 'AuditEvent'
        enabled: true
      }
    ]
  }
}

@description('Name of the vault.')
output vaultName string = vault.name
