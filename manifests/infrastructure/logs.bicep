// Who did what to the cluster, the recordings, the secrets and the images.

@description('Where everything is.')
param location string

@description('Name of the cluster.')
param name string

@description('Days for which logs are kept.')
param logDays int

resource workspace 'Microsoft.OperationalInsights/workspaces@2025-07-01' = {
  name: name
  location: location
  properties: {
    sku: {
      name: 'PerGB2018'
    }
    retentionInDays: logDays
    features: {
      disableLocalAuth: true
      enableLogAccessUsingOnlyResourcePermissions: true
      // Not kept for a while longer once the days are over.
      immediatePurgeDataOn30Days: true
    }
  }
}

@description('Resource id of the workspace.')
output workspaceId string = workspace.id
